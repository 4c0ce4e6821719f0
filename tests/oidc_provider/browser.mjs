// Signs in at a hub through provider.mjs as a person does, in Chromium (CHROMIUM, or /usr/bin/chromium).
//
//     node browser.mjs '{"hub": ADDRESS, "provider": ID, "sub": ACCOUNT, "answer": "yes" or "no"}'
//
// Prints {"address", "who", "after_reload"}: where it ended, whom the account page names, and whom after a reload. With
// "answer": "no" it prints {"address", "text"}: what the page then says to somebody who denied the consent.

import { chromium } from 'playwright-core'
import { options } from './control.mjs'

const { hub, provider, sub, answer = 'yes' } = options
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })

/** Resolves when the hub has said `ready` on a socket of this page. */
const socketIsOpen = (page) =>
  page.waitForEvent('websocket', { predicate: (socket) => socket.url().startsWith(hub.replace(/^http/, 'ws')) }).then(
    (socket) => socket.waitForEvent('framereceived', { predicate: ({ payload }) => isReady(payload) }),
  )
const isReady = (payload) => String(payload).includes('"type":"ready"')

/** The account page with a session: it names somebody, and its socket is open. */
async function signedIn(page, open) {
  await page.locator('[data-account]').waitFor()
  await open
  return page.locator('[data-who]').innerText()
}

async function signIn(page) {
  await page.goto(`${hub}/sign-in`)
  await page.locator(`[data-provider="${provider}"]`).click()
  await page.locator('[name="sub"]').fill(sub)
  await page.getByRole('button', { name: 'Sign in' }).click()
  const choice = page.locator(`[name="answer"][value="${answer}"]`)
  await choice.waitFor()
  const open = answer === 'yes' ? socketIsOpen(page) : undefined
  await choice.click()
  await page.waitForURL((url) => url.origin === new URL(hub).origin)
  if (answer === 'no') {
    await page.locator('[data-problem]:not(:empty)').first().waitFor()
    return { address: page.url(), text: await page.locator('body').innerText() }
  }
  await page.waitForURL(`${hub}/account`)
  const who = await signedIn(page, open)
  const openAgain = socketIsOpen(page)
  await page.reload()
  return { address: page.url(), who, after_reload: await signedIn(page, openAgain) }
}

const page = await browser.newPage()
try {
  console.log(JSON.stringify(await signIn(page)))
} catch (error) {
  const text = await page.locator('body').innerText().catch(() => 'nothing')
  console.error(`${error.message}\nat ${page.url()}, which shows:\n${text}`)
  process.exitCode = 1
} finally {
  await browser.close()
}
