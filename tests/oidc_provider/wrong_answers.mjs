// What the misbehaving provider answers when told to: each mode changes one answer, which is given as it should be.

const HOUR = 3600
const set = (changes) => (answer) => ({ ...answer, ...changes }) // JSON leaves out what is undefined
const ELSEWHERE = 'https://elsewhere.example.org'
const METADATA = 'http://169.254.169.254/latest/meta-data/'

/** mode: (claims of the ID token, options) => claims. Of OpenID Connect Core 1.0, section 3.1.3.7. */
export const CLAIMS = {
  iss_wrong: set({ iss: ELSEWHERE }),
  iss_with_slash: (claims) => ({ ...claims, iss: `${claims.iss}/` }),
  iss_missing: set({ iss: undefined }),
  aud_wrong: set({ aud: 'somebody-else' }),
  aud_missing: set({ aud: undefined }),
  aud_empty: set({ aud: [] }),
  aud_many_without_azp: (claims, { client_id }) => ({ ...claims, aud: [client_id, 'somebody-else'] }),
  aud_many_azp_wrong: (claims, { client_id }) => ({ ...claims, aud: [client_id, 'another'], azp: 'another' }),
  azp_wrong: set({ azp: 'somebody-else' }),
  nonce_wrong: set({ nonce: 'another' }),
  nonce_missing: set({ nonce: undefined }),
  expired: (claims) => ({ ...claims, iat: claims.iat - 2 * HOUR, exp: claims.iat - HOUR }),
  exp_missing: set({ exp: undefined }),
  exp_text: (claims) => ({ ...claims, exp: `${claims.exp}` }),
  iat_future: (claims) => ({ ...claims, iat: claims.iat + 24 * HOUR, exp: claims.iat + 25 * HOUR }),
  iat_missing: set({ iat: undefined }),
  nbf_future: (claims) => ({ ...claims, nbf: claims.iat + HOUR, exp: claims.iat + 2 * HOUR }),
  at_hash_wrong: set({ at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }),
  sub_missing: set({ sub: undefined }),
  sub_empty: set({ sub: '' }),
  sub_number: set({ sub: 42 }),
  sub_long: set({ sub: 's'.repeat(300) }), // 255 is the most
  sub_control: set({ sub: 'a\u0000b\r\nc' }),
  email_unverified: set({ email_verified: false }),
  email_verified_missing: set({ email_verified: undefined }),
  email_verified_text: set({ email_verified: 'true' }),
  email_verified_number: set({ email_verified: 1 }),
  email_missing: set({ email: undefined, email_verified: undefined }),
  email_crlf: set({ email: 'ada@example.org\r\nBcc: eve@example.org' }),
  email_two: set({ email: 'ada@example.org, eve@example.org' }),
  email_list: set({ email: ['ada@example.org'] }),
  email_long: set({ email: `${'a'.repeat(10_000)}@example.org` }),
  name_long: set({ name: 'n'.repeat(10_000) }),
  name_control: set({ name: 'Ada\u0000\r\n\u202egnp.exe' }),
  name_html: set({ name: '<img src=x onerror=alert(1)>' }),
  name_number: set({ name: 7 }),
  picture_javascript: set({ picture: 'javascript:alert(1)' }),
  picture_data: set({ picture: 'data:text/html,<script>alert(1)</script>' }),
  picture_long: set({ picture: `https://example.org/${'p'.repeat(10_000)}` }),
  // As it should be, though few do it: the address is told at the userinfo endpoint alone.
  email_in_userinfo_alone: set({ email: undefined, email_verified: undefined, name: undefined, picture: undefined }),
}

/** mode: (answer of the token endpoint) => answer */
export const TOKENS = {
  id_token_missing: set({ id_token: undefined }),
  id_token_list: (answer) => ({ ...answer, id_token: [answer.id_token] }),
  token_type_mac: set({ token_type: 'mac' }),
  token_type_missing: set({ token_type: undefined }),
  access_token_missing: set({ access_token: undefined }),
  error_with_status_200: () => ({ error: 'invalid_grant', error_description: 'as GitHub does it' }),
}

/** mode: (answer of the userinfo endpoint) => answer. Of OpenID Connect Core 1.0, section 5.3.4. */
export const USERINFO = {
  userinfo_of_another: set({ sub: 'somebody-else' }),
  userinfo_sub_missing: set({ sub: undefined }),
}

/** mode: (query of the redirect back to the client) => query. A list is a parameter that comes twice. */
export const REDIRECTS = {
  response_iss_wrong: set({ iss: ELSEWHERE }), // RFC 9207: another provider's code is being mixed in
  response_iss_missing: set({ iss: undefined }), // although discovery says that it is always sent
  response_iss_twice: ({ iss, ...rest }) => ({ ...rest, iss: [iss, ELSEWHERE] }),
  response_iss_not_supported: set({ iss: undefined }), // as it should be: discovery says the same
  state_wrong: set({ state: 'another' }),
  state_missing: set({ state: undefined }),
  state_twice: ({ state, ...rest }) => ({ ...rest, state: [state, 'another'] }),
  code_missing: set({ code: undefined }),
  code_twice: ({ code, ...rest }) => ({ ...rest, code: [code, 'another'] }),
  code_long: set({ code: 'c'.repeat(6_000) }),
  code_and_error: set({ error: 'access_denied' }),
  access_denied: set({ code: undefined, error: 'access_denied', error_description: 'The person said no' }),
  error_of_the_server: set({ code: undefined, error: 'server_error' }),
  error_html: set({
    code: undefined,
    error: '<script>alert(1)</script>',
    error_description: '<a href="https://elsewhere.example.org">Sign in here</a>',
  }),
}

/** mode: (metadata, options) => metadata. Of OpenID Connect Discovery 1.0. */
export const DISCOVERY = {
  discovery_of_another: set({ issuer: ELSEWHERE }),
  discovery_issuer_missing: set({ issuer: undefined }),
  discovery_issuer_with_slash: (metadata) => ({ ...metadata, issuer: `${metadata.issuer}/` }),
  discovery_token_endpoint_missing: set({ token_endpoint: undefined }),
  // `internal` is an option of the command line: where a test watches whether anybody comes.
  discovery_token_endpoint_internal: (metadata, { internal = METADATA }) => ({ ...metadata, token_endpoint: internal }),
  discovery_jwks_internal: (metadata, { internal = METADATA }) => ({ ...metadata, jwks_uri: internal }),
  discovery_jwks_file: set({ jwks_uri: 'file:///etc/passwd' }),
  discovery_authorization_javascript: set({ authorization_endpoint: 'javascript:alert(1)' }),
  discovery_without_s256: set({ code_challenge_methods_supported: ['plain'] }),
  discovery_alg_none: set({ id_token_signing_alg_values_supported: ['none'] }),
  discovery_without_code: set({ response_types_supported: ['id_token'] }),
  response_iss_not_supported: set({ authorization_response_iss_parameter_supported: undefined }),
  // As it should be: the endpoint takes no Basic. So does this server then.
  client_secret_post_alone: set({ token_endpoint_auth_methods_supported: ['client_secret_post'] }),
  // RFC 8414: what is missing means client_secret_basic.
  client_secret_methods_missing: set({ token_endpoint_auth_methods_supported: undefined }),
}
