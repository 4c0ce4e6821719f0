// Answers as GitHub's documentation says, of github.com (/login/…) and of api.github.com (the rest):
//   https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
//   https://docs.github.com/en/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-authorization-request-errors
//   https://docs.github.com/en/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors
//   https://docs.github.com/en/rest/users/users#get-the-authenticated-user
//   https://docs.github.com/en/rest/users/emails#list-email-addresses-for-the-authenticated-user
//   https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
//   https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
//
//     node github.mjs '{"client_id", "client_secret", "redirect_uri", "account": {id, login, name, avatar_url, emails}}'
//
// The person is signed in and has consented: the authorization endpoint redirects back at once.

import { Codes, isProved, random } from './codes.mjs'
import { Control, options, redirect, send } from './control.mjs'

const MODES = [
  'access_denied',
  'application_suspended',
  'unverified_user_email', // the exchange is refused: the primary address is not verified
  'iss_sent', // RFC 9207, as GitHub did for some days in April 2026 (github.com/langfuse/langfuse/issues/13091)
  'token_revoked', // the API no longer knows the token
  'scope_withheld', // the person unticked the addresses: the token has no scope
  'rate_limited',
  'rate_limited_secondary',
]

options.account ??= {
  id: 583_231,
  login: 'ada',
  name: 'Ada',
  email: null, // the public one: most people show none
  avatar_url: 'https://avatars.githubusercontent.com/u/583231?v=4',
  emails: [
    { email: 'ada@example.org', primary: true, verified: true, visibility: 'private' },
    { email: 'old@example.org', primary: false, verified: false, visibility: null },
  ],
}

const codes = new Codes()
const tokens = new Map() // token -> scopes
const control = new Control(MODES)

const HELP = '/apps/managing-oauth-apps/troubleshooting'
const TEXTS = {
  access_denied: 'The user has denied your application access.',
  application_suspended: 'Your application has been suspended. Contact support@github.com.',
  redirect_uri_mismatch: 'The redirect_uri MUST match the registered callback URL for this application.',
  incorrect_client_credentials: 'The client_id and/or client_secret passed are incorrect.',
  bad_verification_code: 'The code passed is incorrect or expired.',
  unverified_user_email: 'The user must have a verified primary email.',
}
const problem = (error, where) => ({
  error,
  error_description: TEXTS[error],
  error_uri: `${HELP}-${where}-request-errors/#${error.replaceAll('_', '-')}`,
})

/** The callback address may be a folder of the registered one (section "Redirect URLs"). */
function isRegistered(redirect_uri) {
  if (!options.redirect_uri) return true
  const [asked, own] = [redirect_uri, options.redirect_uri].map((address) => new URL(address))
  return asked.origin === own.origin && `${asked.pathname}/`.startsWith(`${own.pathname}/`)
}

function authorize({ query }, response) {
  const { client_id, redirect_uri = options.redirect_uri, state, scope = '' } = query
  if (client_id !== options.client_id) return send(response, 404, 'Not Found')
  const refused = (error, to = redirect_uri) => redirect(response, to, { ...problem(error, 'authorization'), state })
  if (!isRegistered(redirect_uri)) return refused('redirect_uri_mismatch', options.redirect_uri)
  if (control.is('access_denied') || control.is('application_suspended')) return refused(control.mode)
  const scopes = control.is('scope_withheld') ? [] : scope.split(/[ ,]+/).filter(Boolean)
  const code = codes.issue({ ...query, redirect_uri, scopes }, random(10))
  const iss = control.is('iss_sent') ? 'https://github.com/login/oauth' : undefined
  return redirect(response, redirect_uri, { code, state, iss })
}

/** Errors come with status 200, and all of it as a form unless JSON is asked for. */
function token({ headers, form }, response) {
  const say = (answer) => {
    if (headers.accept?.includes('application/json')) return send(response, 200, answer)
    const type = { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' }
    return send(response, 200, new URLSearchParams(answer).toString(), type)
  }
  const refused = (error) => say(problem(error, 'oauth-app-access-token'))
  const { client_id, client_secret, code, code_verifier } = form
  if (client_id !== options.client_id || client_secret !== options.client_secret) {
    return refused('incorrect_client_credentials')
  }
  const grant = codes.redeem(code)
  if (!grant || !isProved(grant, code_verifier)) return refused('bad_verification_code')
  if (form.redirect_uri && form.redirect_uri !== grant.redirect_uri) return refused('redirect_uri_mismatch')
  if (control.is('unverified_user_email')) return refused('unverified_user_email')
  const access_token = `gho_${random(18)}`
  tokens.set(access_token, grant.scopes)
  return say({ access_token, scope: grant.scopes.join(','), token_type: 'bearer' })
}

const DOCS = 'https://docs.github.com/rest'
const API = { 'Content-Type': 'application/json; charset=utf-8', 'X-GitHub-Media-Type': 'github.v3; format=json' }
const failed = (response, status, message, headers = {}, documentation_url = DOCS) =>
  send(response, status, { message, documentation_url, status: `${status}` }, { ...API, ...headers })

/** What every request to the API goes through, before `answer(asked, response, scopes)`. */
const api = (answer) => (asked, response) => {
  const { headers } = asked
  if (!headers['user-agent']) {
    const why = 'Please make sure your request has a User-Agent header.'
    return send(response, 403, `Request forbidden by administrative rules. ${why}`)
  }
  const bearer = /^(?:Bearer|token) (.+)$/i.exec(headers.authorization ?? '')?.[1]
  if (!bearer) return failed(response, 401, 'Requires authentication')
  const scopes = tokens.get(bearer)
  if (!scopes || control.is('token_revoked')) return failed(response, 401, 'Bad credentials')
  if (control.is('rate_limited')) {
    const reset = Math.floor(Date.now() / 1000) + 1800
    const left = { 'X-RateLimit-Limit': '5000', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': `${reset}` }
    return failed(response, 403, `API rate limit exceeded for user ID ${options.account.id}.`, left)
  }
  if (control.is('rate_limited_secondary')) {
    const message = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.'
    return failed(response, 403, message, { 'Retry-After': '60' })
  }
  return answer(asked, response, scopes)
}

function user(_, response, scopes) {
  const { emails, ...shown } = options.account
  const address = `https://api.github.com/users/${shown.login}`
  const rest = { node_id: 'MDQ6VXNlcjE=', url: address, html_url: `https://github.com/${shown.login}`, type: 'User' }
  send(response, 200, { ...shown, ...rest, site_admin: false }, { ...API, 'X-OAuth-Scopes': scopes.join(', ') })
}

/** 30 a page: somebody with many addresses may have the primary one on the second. */
function emails({ query }, response, scopes) {
  const granted = { ...API, 'X-OAuth-Scopes': scopes.join(', '), 'X-Accepted-OAuth-Scopes': 'user, user:email' }
  if (!scopes.includes('user:email') && !scopes.includes('user')) {
    const about = `${DOCS}/users/emails#list-email-addresses-for-the-authenticated-user`
    return failed(response, 404, 'Not Found', granted, about)
  }
  const size = Math.min(Number(query.per_page ?? 30), 100)
  const page = Number(query.page ?? 1)
  const all = options.account.emails
  const next = `<${control.address}/user/emails?per_page=${size}&page=${page + 1}>; rel="next"`
  const link = page * size < all.length ? { Link: next } : {}
  return send(response, 200, all.slice((page - 1) * size, page * size), { ...granted, ...link })
}

await control.serve({
  'GET /login/oauth/authorize': { name: 'authorize', answer: authorize },
  'POST /login/oauth/access_token': { name: 'token', answer: token },
  'GET /user': { name: 'user', answer: api(user) },
  'GET /user/emails': { name: 'emails', answer: api(emails) },
})
control.ready()
