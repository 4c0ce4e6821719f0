// An OpenID provider that does one thing wrong, which a test chooses: see control.mjs for how, wrong_answers.mjs and
// wrong_keys.mjs for what. Without a mode it is as strict as it should be: client, redirect address, PKCE, single use.
//
// There is nobody to sign in: the authorization endpoint redirects back at once.
//
//     node wrong_provider.mjs '{"client_id", "client_secret", "redirect_uri", "account", "alg"}'
//
// `redirect_uri` may be missing (any will do), or come later by /__configure. `alg`: RS256 (or ES256, EdDSA, PS256).

import { createHash } from 'node:crypto'
import { Codes, isProved, random } from './codes.mjs'
import { clientOf, Control, options, redirect, send } from './control.mjs'
import { CLAIMS, DISCOVERY, REDIRECTS, TOKENS, USERINFO } from './wrong_answers.mjs'
import { makeKeys, published, PUBLISHED, signed, SIGNING } from './wrong_keys.mjs'

const CODES = [
  'code_repeated', // every authorization gives the same code
  'code_reusable', // a code is taken any number of times: the client alone stands against a replay
  'code_refused', // each code is too old
]

options.alg ??= 'RS256'
options.account ??= { sub: 'ada', email: 'ada@example.org', email_verified: true, name: 'Ada' }

const keys = await makeKeys(options.alg)
const codes = new Codes()
const bearers = new Map()
const tables = [CLAIMS, TOKENS, USERINFO, REDIRECTS, DISCOVERY, SIGNING, PUBLISHED]
const control = new Control([...new Set([...tables.flatMap(Object.keys), ...CODES])])
/** What `table` makes of `answer` in the mode of now. */
const told = (table, answer) => table[control.mode]?.(answer, options) ?? answer

function discovery(_, response) {
  const at = (path) => control.address + path
  const metadata = {
    issuer: control.address,
    authorization_endpoint: at('/authorize'),
    token_endpoint: at('/token'),
    userinfo_endpoint: at('/userinfo'),
    jwks_uri: at('/jwks'),
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    scopes_supported: ['openid', 'email', 'profile'],
    id_token_signing_alg_values_supported: [options.alg],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    authorization_response_iss_parameter_supported: true,
  }
  send(response, 200, told(DISCOVERY, metadata))
}

function authorize({ query }, response) {
  const { client_id, redirect_uri, response_type, scope = '', state } = query
  if (client_id !== options.client_id) return send(response, 400, 'unknown client')
  if (redirect_uri !== (options.redirect_uri ?? redirect_uri)) return send(response, 400, 'unknown redirect_uri')
  const refused = (error) => redirect(response, redirect_uri, { error, state, iss: control.address })
  if (response_type !== 'code') return refused('unsupported_response_type')
  if (!scope.split(' ').includes('openid')) return refused('invalid_scope')
  const isChallenged = query.code_challenge_method === 'S256' && /^[\w-]{43}$/.test(query.code_challenge)
  if (!isChallenged) return refused('invalid_request')
  const code = codes.issue(query, control.is('code_repeated') ? 'the-same-code' : undefined)
  return redirect(response, redirect_uri, told(REDIRECTS, { code, state, iss: control.address }))
}

/** RFC 6749, section 5.2: why the token request is refused. */
function refusal(asked, grant) {
  const { id, secret } = clientOf(asked)
  const usesBasic = asked.headers.authorization !== undefined
  if (usesBasic && (asked.form.client_secret || control.is('client_secret_post_alone'))) return 'invalid_request'
  if (!usesBasic && control.is('client_secret_methods_missing')) return 'invalid_client'
  if (id !== options.client_id || secret !== options.client_secret) return 'invalid_client'
  if (asked.form.grant_type !== 'authorization_code') return 'unsupported_grant_type'
  if (!grant || control.is('code_refused')) return 'invalid_grant'
  if (asked.form.redirect_uri !== grant.redirect_uri) return 'invalid_grant'
  return isProved(grant, asked.form.code_verifier) ? undefined : 'invalid_grant'
}

async function token(asked, response) {
  const { code } = asked.form
  const grant = codes.redeem(code)
  if (grant && control.is('code_reusable')) codes.issue(grant, code)
  const error = refusal(asked, grant)
  if (error) return send(response, error === 'invalid_client' ? 401 : 400, { error })
  const access_token = random()
  bearers.set(access_token, options.account)
  const time = Math.floor(Date.now() / 1000)
  const claims = told(CLAIMS, {
    iss: control.address,
    aud: options.client_id,
    iat: time,
    exp: time + 300,
    nonce: grant.nonce,
    at_hash: createHash('sha256').update(access_token).digest().subarray(0, 16).toString('base64url'),
    ...options.account,
  })
  const id_token = await signed(control.mode, claims, keys, options.client_secret)
  send(response, 200, told(TOKENS, { access_token, token_type: 'Bearer', expires_in: 300, id_token }))
}

function userinfo({ headers }, response) {
  const account = bearers.get(/^Bearer (.+)$/i.exec(headers.authorization)?.[1])
  if (!account) return send(response, 401, '', { 'WWW-Authenticate': 'Bearer error="invalid_token"' })
  send(response, 200, told(USERINFO, account))
}

await control.serve({
  'GET /.well-known/openid-configuration': { name: 'discovery', answer: discovery },
  'GET /authorize': { name: 'authorize', answer: authorize },
  'POST /token': { name: 'token', answer: token },
  'GET /userinfo': { name: 'userinfo', answer: userinfo },
  'GET /jwks': { name: 'jwks', answer: (_, response) => send(response, 200, published(control.mode, keys)) },
})
control.ready()
