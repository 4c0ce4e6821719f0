// Answers as Yandex's documentation says, of oauth.yandex.ru (/authorize, /token) and of login.yandex.ru (/info):
//   https://yandex.com/dev/id/doc/en/codes/code-url
//   https://yandex.com/dev/id/doc/en/user-information
//   https://yandex.com/dev/oauth/doc/dg/reference/auto-code-client.html (the errors of /token)
//
//     node yandex.mjs '{"client_id", "client_secret", "redirect_uri", "account": {id, login, default_email, …}}'
//
// The person is signed in and has consented: the authorization endpoint redirects back at once.

import { Codes, isProved, random } from './codes.mjs'
import { clientOf, Control, options, redirect, send } from './control.mjs'

const MODES = [
  'access_denied',
  'unauthorized_client', // of /authorize: the app is blocked or not yet moderated
  'code_expired', // 10 minutes are over
  'invalid_scope', // of /token: the app's permissions were changed meanwhile
  'email_withheld', // the person granted no access to the address
  'token_revoked', // /info no longer knows the token
]

options.account ??= {
  id: '1000034426',
  login: 'ada',
  psuid: '1.AAceCw.tbHgw5DtJ9_zeqPrk-Ba2w.qPWSRC5v2t2IaksPJgnge',
  default_email: 'ada@yandex.ru',
  emails: ['ada@yandex.ru'],
  first_name: 'Ada',
  last_name: 'Example',
  display_name: 'ada',
  real_name: 'Ada Example',
  sex: 'female',
  default_avatar_id: '131652443',
  is_avatar_empty: false,
}

/** Which permission shows which fields; the rest is shown with any. */
const PERMISSIONS = {
  'login:email': ['default_email', 'emails'],
  'login:info': ['first_name', 'last_name', 'display_name', 'real_name', 'sex'],
  'login:avatar': ['default_avatar_id', 'is_avatar_empty'],
}
const ALL = Object.keys(PERMISSIONS)

const codes = new Codes()
const tokens = new Map() // token -> permissions
const control = new Control(MODES)

function authorize({ query }, response) {
  const { response_type, client_id, scope, state } = query
  // An address that is not registered, exactly, is ignored: the first registered one is used.
  const redirect_uri = options.redirect_uri ?? query.redirect_uri
  if (client_id !== options.client_id) return send(response, 400, 'Unknown client with such client_id')
  if (response_type !== 'code') return send(response, 400, 'response_type is not code')
  const refused = (error, error_description) => redirect(response, redirect_uri, { error, error_description, state })
  if (control.is('access_denied')) return refused('access_denied', 'User denied access')
  if (control.is('unauthorized_client')) return refused('unauthorized_client', 'Client is blocked')
  const asked = scope ? scope.split(' ') : ALL // without a scope: what the app is registered for
  const permissions = control.is('email_withheld') ? asked.filter((name) => name !== 'login:email') : asked
  const code = codes.issue({ ...query, asked, permissions }, random(8))
  // `cid` is in no documentation, and is there (github.com/nextauthjs/next-auth/issues/11611).
  return redirect(response, redirect_uri, { code, state, cid: random(12) })
}

/** Each refusal of /token: [error, description], or undefined. */
function refusal(asked, grant) {
  const { grant_type, code, code_verifier } = asked.form
  const { authorization } = asked.headers
  if (authorization && !/^basic /i.test(authorization)) return ['Basic auth required', 'Authorization is not Basic']
  const { id, secret } = clientOf(asked)
  if (authorization && secret === undefined) return ['Malformed Authorization header', 'Not client_id:client_secret']
  if (id !== options.client_id) return ['invalid_client', 'Client not found']
  if (secret !== options.client_secret) return ['invalid_client', 'Wrong client secret']
  if (!grant_type || !code) return ['invalid_request', `${grant_type ? 'code' : 'grant_type'} not in POST`]
  if (grant_type !== 'authorization_code') return ['unsupported_grant_type', 'Unknown grant_type']
  if (!/^[0-9a-f]{16}$/.test(code)) return ['bad_verification_code', 'Invalid code']
  if (!grant || control.is('code_expired')) return ['invalid_grant', 'Code has expired']
  if (!isProved(grant, code_verifier)) return ['invalid_grant', 'Code verifier is wrong']
  if (control.is('invalid_scope')) return ['invalid_scope', 'Client scope was changed']
  return undefined
}

function token(asked, response) {
  const grant = codes.redeem(asked.form.code)
  const refused = refusal(asked, grant)
  if (refused) return send(response, 400, { error_description: refused[1], error: refused[0] })
  const access_token = `y0_${random(28)}`
  tokens.set(access_token, grant.permissions)
  const isLess = grant.permissions.length < grant.asked.length // scope is told when it is not what was asked for
  return send(response, 200, {
    access_token,
    expires_in: 31_536_000,
    refresh_token: `1:${random(20)}`,
    token_type: 'bearer',
    scope: isLess ? grant.permissions.join(' ') : undefined,
  })
}

/** JSON alone: xml and jwt, which `format` may name, are not here. The address may carry the token, unsafely. */
function info({ query, headers }, response) {
  const bearer = /^OAuth (.+)$/i.exec(headers.authorization ?? '')?.[1] ?? query.oauth_token
  const permissions = tokens.get(bearer)
  if (!permissions || control.is('token_revoked')) return send(response, 401, '')
  if ((query.format ?? 'json') !== 'json') return send(response, 501, 'only format=json is here')
  const hidden = ALL.filter((name) => !permissions.includes(name)).flatMap((name) => PERMISSIONS[name])
  const shown = Object.entries(options.account).filter(([field]) => !hidden.includes(field))
  return send(response, 200, { client_id: options.client_id, ...Object.fromEntries(shown) })
}

await control.serve({
  'GET /authorize': { name: 'authorize', answer: authorize },
  'POST /token': { name: 'token', answer: token },
  'GET /info': { name: 'info', answer: info },
})
control.ready()
