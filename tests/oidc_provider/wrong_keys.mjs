// How the misbehaving provider signs its ID tokens, and which keys it publishes: what each mode does to both.

import { createPublicKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token put together by hand: what jose refuses to make. */
function compact(header, claims, signer = () => '') {
  const content = `${encode(header)}.${encode(claims)}`
  return `${content}.${signer(Buffer.from(content))}`
}

const jose = (header, claims, key) => new SignJWT(claims).setProtectedHeader(header).sign(key)
const rs256 = (key) => (content) => sign('sha256', content, key).toString('base64url')

async function pair(alg, kid) {
  const { privateKey, publicKey } = await generateKeyPair(alg)
  return { alg, kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), alg, kid, use: 'sig' } }
}

/** The keys of a run: `main` signs with `alg`, `other` is one more of the same kind, `ec` of another. */
export async function makeKeys(alg) {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 })
  return {
    main: await pair(alg, 'main'),
    other: await pair(alg, 'other'),
    ec: await pair(alg === 'ES256' ? 'EdDSA' : 'ES256', 'ec'),
    small: { ...small, jwk: { ...small.publicKey.export({ format: 'jwk' }), alg: 'RS256', kid: 'small', use: 'sig' } },
  }
}

const header = ({ alg, kid }) => ({ alg, kid, typ: 'JWT' })

/** mode: (claims, keys, secret of the client) => token */
export const SIGNING = {
  alg_none: (claims, { main }) => compact({ ...header(main), alg: 'none' }, claims),
  signature_missing: (claims, { main }) => compact(header(main), claims),
  signature_of_another: (claims, { main, other }) => jose(header(main), claims, other.privateKey),
  hs256_client_secret: (claims, { main }, secret) =>
    jose({ ...header(main), alg: 'HS256' }, claims, Buffer.from(secret)),
  // The public key as text, which a library that lets the token choose the algorithm takes for an HMAC secret.
  hs256_public_key: (claims, { main }) => {
    const pem = createPublicKey({ key: main.jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    return jose({ ...header(main), alg: 'HS256' }, claims, Buffer.from(pem))
  },
  key_not_published: (claims, { other }) => jose(header(other), claims, other.privateKey),
  // Another unknown name each time: who fetches the keys for each of them can be made to hammer the provider.
  kid_new_each_time: (claims, { main, other }) =>
    jose({ ...header(main), kid: randomUUID() }, claims, other.privateKey),
  // One published key and no name: may be taken.
  kid_missing: (claims, { main }) => jose({ alg: main.alg }, claims, main.privateKey),
  kid_huge: (claims, { main }) => jose({ ...header(main), kid: 'k'.repeat(100_000) }, claims, main.privateKey),
  // Published and sound, but discovery announces another algorithm.
  alg_not_announced: (claims, { ec }) => jose(header(ec), claims, ec.privateKey),
  key_too_small: (claims, { small }) => compact(header(small.jwk), claims, rs256(small.privateKey)),
  // RFC 7515, section 4.1.3: the key that the token brings along is nobody's.
  key_in_header: (claims, { main, other }) =>
    jose({ ...header(main), jwk: other.jwk, kid: undefined }, claims, other.privateKey),
  // RFC 7515, section 4.1.11: who does not know what must be understood refuses.
  crit_unknown: (claims, { main }) => {
    const head = { ...header(main), crit: ['urn:example:must'], 'urn:example:must': true }
    return new SignJWT(claims).setProtectedHeader(head).sign(main.privateKey, { crit: { 'urn:example:must': true } })
  },
  key_rotated: (claims, { other }) => jose(header(other), claims, other.privateKey),
  garbage: () => 'not.a.token',
}

export function signed(mode, claims, keys, secret) {
  return SIGNING[mode]?.(claims, keys, secret) ?? jose(header(keys.main), claims, keys.main.privateKey)
}

/** mode: keys => what is published */
export const PUBLISHED = {
  // The name stands twice, before the right key another's.
  kid_twice: ({ main, other }) => [{ ...other.jwk, kid: main.kid }, main.jwk],
  keys_none: () => [],
  keys_many: ({ main, other }) => [...Array.from({ length: 100 }, (_, n) => ({ ...other.jwk, kid: `${n}` })), main.jwk],
  // RFC 7517, section 5: what is not understood or lacks a member is passed over.
  keys_of_unknown_kinds: ({ main }) => [{ kty: 'AKP', kid: 'future', alg: 'ML-DSA-44', pub: 'AA' }, {}, main.jwk],
  key_for_encryption: ({ main }) => [{ ...main.jwk, use: 'enc' }],
  key_symmetric: ({ main }) => [{ kty: 'oct', kid: main.kid, k: 'c2VjcmV0', alg: 'HS256' }],
  alg_not_announced: ({ main, ec }) => [main.jwk, ec.jwk],
  key_too_small: ({ main, small }) => [main.jwk, small.jwk],
  // As it should be: from now on the other key signs and is published. A client with the old set asks again.
  key_rotated: ({ other }) => [other.jwk],
}

export const published = (mode, keys) => ({ keys: PUBLISHED[mode]?.(keys) ?? [keys.main.jwk] })
