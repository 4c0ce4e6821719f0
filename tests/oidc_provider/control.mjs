// What the servers of this folder have in common: they start, record what the hub asks, and misbehave when told.
//
//     GET    /__seen         {"requests": [{method, path, query, form, headers}], "counts": {path: number}}
//     DELETE /__seen         forgets them
//     GET    /__misbehave    {"mode", "modes": [every one that this server knows]}
//     POST   /__misbehave    {"mode": NAME or null, "at": ENDPOINT, "times": N}
//     POST   /__configure    {"account": {…}, "redirect_uri": …}: replaces these options of the command line
//
// `at` belongs to the modes of TRANSPORT alone and says which endpoint is hit; `times` is for how many requests (of
// TRANSPORT) the mode holds, always when it is missing.

import { createServer } from 'node:http'

const LONG = 10 * 1024 * 1024

/** Modes that say nothing of OAuth: each is what a broken or a hostile server does with any request. */
const TRANSPORT = {
  server_error: (_, response) => send(response, 500, { error: 'server_error' }),
  unavailable: (_, response) => send(response, 503, 'busy', { 'Retry-After': '120' }),
  html: (_, response) => send(response, 200, '<!doctype html><title>Sign in to the hotel network</title>'),
  empty_body: (_, response) => send(response, 200, '', { 'Content-Type': 'application/json' }),
  json_list: (_, response) => send(response, 200, []),
  deep_json: (_, response) => send(response, 200, '['.repeat(100_000), { 'Content-Type': 'application/json' }),
  // A client that follows would get what it asked for, and a POST would bring the secret along: hence 307.
  redirect: (request, response) =>
    send(response, request.method === 'GET' ? 302 : 307, '', { Location: `/__elsewhere${request.url}` }),
  huge_body: (_, response) => send(response, 200, { padding: 'x'.repeat(LONG) }),
  endless_body: (_, response) => flood(response),
  slow: () => {}, // never answers
  trickle: (_, response) => trickle(response),
  drop: (request) => request.socket.destroy(),
  truncated: (_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 1000 })
    response.write('{"issuer":', () => response.socket?.destroy())
  },
}

function flood(response) {
  const piece = ' '.repeat(64 * 1024)
  const pour = () => {
    while (!response.destroyed && response.write(piece));
  }
  response.writeHead(200, { 'Content-Type': 'application/json' })
  response.on('drain', pour)
  pour()
}

/** A byte at a time: each comes in time, the whole never. */
function trickle(response) {
  response.writeHead(200, { 'Content-Type': 'application/json' })
  const timer = setInterval(() => response.write(' '), 100)
  response.on('close', () => clearInterval(timer))
}

/** Answers with text, or with JSON when `body` is none. */
export function send(response, status, body, headers = {}) {
  const isText = typeof body === 'string'
  const type = isText ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8'
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store', ...headers })
  response.end(isText ? body : JSON.stringify(body))
}

/** Redirects to `address` with `query`, of which what is undefined is left out and a list is repeated. */
export function redirect(response, address, query) {
  const url = new URL(address)
  for (const [name, values] of Object.entries(query)) {
    for (const value of [values].flat()) if (value !== undefined) url.searchParams.append(name, value)
  }
  send(response, 302, '', { Location: url.href })
}

/** Client id and secret as RFC 6749, section 2.3.1 has them: Basic (form-encoded, then Base64), or else the form. */
export function clientOf({ headers, form }) {
  const [scheme, value] = (headers.authorization ?? '').split(' ')
  if (scheme.toLowerCase() !== 'basic') return { id: form.client_id, secret: form.client_secret }
  const [id, secret] = Buffer.from(value, 'base64').toString().split(':').map((part) => decodeURIComponent(part.replaceAll('+', ' ')))
  return { id, secret }
}

/** The options of the command line: an object of JSON, the first argument. */
export const options = JSON.parse(process.argv[2] ?? '{}')

/** What a test has asked for, and what was sent. */
export class Control {
  seen = []
  mode = null

  /** `modes`: names of what else this server can do wrong. */
  constructor(modes) {
    this.modes = [...modes, ...Object.keys(TRANSPORT)]
  }

  misbehave({ mode, at, times }) {
    if (mode && !this.modes.includes(mode)) throw new Error(`no mode ${mode}; there are ${this.modes.join(', ')}`)
    if (TRANSPORT[mode] && !this.endpoints.includes(at)) throw new Error(`${mode} needs "at": ${this.endpoints}`)
    Object.assign(this, { mode, at, times: times ?? Infinity })
  }

  is(mode) {
    return this.mode === mode
  }

  #control(method, path, body, response) {
    if (path === '/__misbehave') {
      if (method === 'POST') this.misbehave(JSON.parse(body))
      return send(response, 200, { mode: this.mode, modes: this.modes })
    }
    if (path === '/__configure') {
      Object.assign(options, JSON.parse(body))
      this.configured?.()
      return send(response, 200, options)
    }
    if (method === 'DELETE') this.seen = []
    const counts = {}
    for (const asked of this.seen) counts[asked.path] = (counts[asked.path] ?? 0) + 1
    return send(response, 200, { requests: this.seen, counts })
  }

  /**
   * Serves `endpoints` ({"METHOD /path": {name, answer}}, where `at` is a name) on a free port of 127.0.0.1 until the
   * standard input closes. `answer(asked, response, request)` gets {method, path, query, form, headers}.
   */
  serve(endpoints) {
    this.endpoints = Object.values(endpoints).map(({ name }) => name)
    this.misbehave(options)
    return this.listen(async (asked, response, request) => {
      // Under /__elsewhere stands the same without misbehaviour: where TRANSPORT.redirect points to.
      const path = asked.path.replace('/__elsewhere/', '/')
      const endpoint = endpoints[`${asked.method} ${path}`]
      if (!endpoint) return send(response, 404, { error: 'not_found' })
      if (path === asked.path && TRANSPORT[this.mode] && endpoint.name === this.at && this.times > 0) {
        this.times -= 1
        return TRANSPORT[this.mode](request, response)
      }
      return endpoint.answer(asked, response)
    })
  }

  /** As `serve`, but everything goes to `answer`, which with `keepsBody` off reads the body itself. */
  async listen(answer, keepsBody = true) {
    const handle = async (request, response) => {
      const { method, headers } = request
      const { pathname: path, searchParams } = new URL(request.url, this.address)
      const isControl = ['/__seen', '/__misbehave', '/__configure'].includes(path)
      const body = keepsBody || isControl ? await text(request) : ''
      if (isControl) return this.#control(method, path, body, response)
      const asked = { method, path, query: fields(searchParams), form: fields(new URLSearchParams(body)), headers }
      this.seen.push(asked)
      return answer(asked, response, request)
    }
    const server = createServer((request, response) => {
      handle(request, response).catch((error) => {
        console.error(error.message)
        if (!response.headersSent) send(response, 400, { error: error.message })
      })
    })
    await new Promise((resume) => server.listen(0, '127.0.0.1', resume))
    this.address = `http://127.0.0.1:${server.address().port}`
    process.stdin.resume().on('close', () => process.exit())
  }

  /** Says where it listens: the one line on the standard output. */
  ready() {
    console.log(JSON.stringify({ address: this.address, issuer: this.address }))
  }
}

/** A field that comes twice becomes a list: a test can see it. */
function fields(parameters) {
  const all = {}
  for (const name of new Set(parameters.keys())) {
    const values = parameters.getAll(name)
    all[name] = values.length === 1 ? values[0] : values
  }
  return all
}

export async function text(request) {
  let whole = ''
  for await (const piece of request.setEncoding('utf8')) whole += piece
  return whole
}
