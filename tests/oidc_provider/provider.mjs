// A certified OpenID provider, oidc-provider, with a page to sign in and one to consent.
//
//     node provider.mjs '{"client_id", "client_secret", "redirect_uri", "accounts": [{sub, email, …}], "alg"}'
//
// `redirect_uri` (one or a list) may come later by /__configure: the hub has to be told this address first. `alg` is
// RS256, ES256 or EdDSA. The pages are forms: input `sub`, button; then buttons named `answer` with yes and no.

import { randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair } from 'jose'
import Provider from 'oidc-provider'
import { Control, options, send, text } from './control.mjs'

options.alg ??= 'RS256'
options.accounts ??= [{ sub: 'ada', email: 'ada@example.org', email_verified: true, name: 'Ada' }]

const { privateKey } = await generateKeyPair(options.alg, { extractable: true })
const key = { ...(await exportJWK(privateKey)), alg: options.alg, kid: randomUUID(), use: 'sig' }
const HOUR = 3600
const control = new Control([])
let provider

const client = () => ({
  client_id: options.client_id,
  client_secret: options.client_secret,
  redirect_uris: [options.redirect_uri ?? []].flat(),
  id_token_signed_response_alg: options.alg,
  token_endpoint_auth_method: options.auth_method ?? 'client_secret_basic',
})

const account = (sub) => options.accounts.find((account) => account.sub === sub)
const findAccount = (_, sub) => account(sub) && { accountId: sub, claims: () => account(sub) }

function start() {
  provider = new Provider(control.address, {
    clients: options.redirect_uri ? [client()] : [],
    findAccount,
    jwks: { keys: [key] },
    cookies: { keys: [randomUUID()] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'picture'] },
    conformIdTokenClaims: false, // what the scopes grant stands in the ID token, as Google does it
    enabledJWA: { idTokenSigningAlgValues: [options.alg] },
    pkce: { required: () => true, methods: ['S256'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    ttl: { AccessToken: HOUR, AuthorizationCode: 60, Grant: HOUR, IdToken: HOUR, Interaction: HOUR, Session: HOUR },
  })
  provider.on('server_error', (_, error) => console.error(error))
}

const page = (title, body) => `<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>
<form method="post">${body}</form>`
const LOGIN = '<label>Account <input name="sub" required autofocus></label> <button>Sign in</button>'
const CONSENT = '<button name="answer" value="yes">Allow</button> <button name="answer" value="no">Deny</button>'

async function consent(details) {
  const { session, params, prompt } = details
  const grant = details.grantId
    ? await provider.Grant.find(details.grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
  if (prompt.details.missingOIDCScope) grant.addOIDCScope(prompt.details.missingOIDCScope.join(' '))
  if (prompt.details.missingOIDCClaims) grant.addOIDCClaims(prompt.details.missingOIDCClaims)
  return { consent: { grantId: await grant.save() } }
}

const denied = { error: 'access_denied', error_description: 'The person said no' }

async function interact(request, response) {
  const details = await provider.interactionDetails(request, response)
  const isLogin = details.prompt.name === 'login'
  if (request.method === 'GET') return send(response, 200, isLogin ? page('Sign in', LOGIN) : page('Consent', CONSENT))
  const filled = new URLSearchParams(await text(request))
  if (isLogin && !account(filled.get('sub'))) return send(response, 400, page('Sign in', `Nobody. ${LOGIN}`))
  let result = denied
  if (isLogin) result = { login: { accountId: filled.get('sub') } }
  else if (filled.get('answer') === 'yes') result = await consent(details)
  return provider.interactionFinished(request, response, result)
}

// oidc-provider reads bodies itself, so what is recorded has none.
await control.listen((asked, response, request) => {
  if (asked.path.startsWith('/interaction/')) return interact(request, response)
  return provider.callback()(request, response)
}, false)
control.configured = start
start()
control.ready()
