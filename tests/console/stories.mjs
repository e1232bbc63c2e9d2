// Users' work in the console, in Chromium. The address of the application and tokens come by
// the environment; screenshots go to the folder `SHOTS` if it is set.

import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const { ORILLA, OPERATOR, USER, JOB, ORDER, SHOTS, CHROMIUM, OIDC_PORT } = process.env;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// Stories add the addresses of the things that they make.
const SECTIONS = ["queues", "queues/jobs", "queues/ipp.files", "schedules", "webhooks", "jobs", `jobs/${JOB}`, "orders", `orders/${ORDER}`, "photos", "review", "purchases", "report", "replay", "runs"];

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
const complaints = [];

async function open(options = {}, token = OPERATOR) {
  const context = await browser.newContext({ bypassCSP: false, viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60000);
  page.on("console", (message) => {
    if (/content security policy/i.test(message.text())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(ORILLA) && request.resourceType() !== "image") {
      if (!options.others) complaints.push(`a request to ${request.url()}`);
    }
  });
  await page.goto(`${ORILLA}/console`);
  if (token) {
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Use this token" }).click();
    await page.getByRole("navigation").waitFor();
  }
  return page;
}

const shot = async (page, name) => SHOTS && page.screenshot({ path: `${SHOTS}/${name}.png` });
async function at(page, section) {
  await page.evaluate((hash) => { location.hash = hash; }, `#/${section}`);
  await page.waitForTimeout(700);
}
async function confirm(page, action) {
  await page.getByRole("dialog").getByRole("button", { name: action, exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
}

async function send(path, body) {
  const headers = { authorization: `Bearer ${OPERATOR}`, "content-type": "application/json" };
  const answer = await fetch(ORILLA + path, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

/** A receiver of webhooks, which answers with its `status`. */
async function receiver() {
  const self = { status: 204, url: "", close: () => server.close() };
  const server = createServer((request, answer) => {
    request.resume().on("end", () => answer.writeHead(self.status).end());
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  self.url = `http://127.0.0.1:${server.address().port}/hooks`;
  return self;
}

const today = () => new Date().toISOString().slice(0, 10);
async function buy(compra_id) {
  const productos = [{ codigo: "PAN", nombre: "Pan", precio_unitario: 1.5, cantidad: 2 }];
  await send("/compras", { compra_id, fecha: `${today()} 10:30:00`, productos });
}

const stories = {
  async "a wrong token says so"() {
    const page = await open({}, null);
    await page.getByLabel("Token").fill("nonsense");
    await page.getByRole("button", { name: "Use this token" }).click();
    await page.getByText("This is no JWT").waitFor();
    await page.getByLabel("Token").fill(`${USER.slice(0, -4)}AAAA`);
    await page.getByRole("button", { name: "Use this token" }).click();
    await page.getByRole("alert").filter({ hasText: "Request" }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  },
  async "an operator redrives and discards dead letters of a paused queue"() {
    const page = await open();
    const row = page.getByRole("row").filter({ hasText: "ipp.files" });
    await row.getByText("3", { exact: true }).waitFor();
    await shot(page, "queues");
    await row.getByRole("link").click();
    const letters = page.locator(".letters li");
    await letters.nth(2).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await confirm(page, "Pause");
    await page.getByRole("button", { name: "Resume" }).waitFor();
    await letters.first().getByText("Message").click();
    await shot(page, "queue");
    const id = await letters.first().locator("code").first().textContent();
    await page.getByRole("button", { name: `Redrive ${id}` }).click();
    await confirm(page, "Redrive");
    await page.getByText(id, { exact: true }).waitFor({ state: "hidden" });
    assert.equal(await letters.count(), 2);
    await page.getByLabel("All on this page").check();
    await page.getByRole("button", { name: "Discard chosen" }).click();
    await confirm(page, "Discard");
    await page.getByText("No message died here").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await confirm(page, "Resume");
    await page.getByRole("button", { name: "Pause" }).waitFor();
  },
  async "the last hour of a queue is a graph that says its sums"() {
    const page = await open();
    await at(page, "queues/jobs");
    await page.getByRole("img", { name: "Last hour: 2 processed, 0 retried, 1 dead" }).waitFor();
    await shot(page, "graph");
  },
  async "a job with failed toons is shown and retried"() {
    const page = await open();
    await at(page, `jobs/${JOB}`);
    await page.getByRole("table", { name: "Failed toons" }).getByRole("cell", { name: "TOON-BAD", exact: true }).waitFor();
    await shot(page, "job");
    await page.getByRole("button", { name: "Retry failed" }).click();
    await confirm(page, "Retry");
  },
  async "a job that waits is canceled"() {
    const notBefore = new Date(Date.now() + 3600000).toISOString();
    await send("/submit-job", { jobId: "JOB-LATER", notBefore, toons: [{ toonId: "T" }] });
    const page = await open();
    await at(page, "jobs/JOB-LATER");
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await confirm(page, "Cancel the job");
    await page.getByText("canceled", { exact: true }).waitFor();
  },
  async "a purchase shows its versions, and the report its sum"() {
    await buy("C-1");
    const page = await open();
    await at(page, "purchases");
    await page.getByRole("link", { name: "C-1" }).click();
    await page.getByRole("table", { name: "Versions" }).getByText("insert").waitFor();
    await at(page, "report");
    await page.getByRole("table", { name: "Sums by day" }).getByText("Total").waitFor();
  },
  async "a replay of purchases is started and seen to its end"() {
    await buy("C-2");
    const page = await open();
    await at(page, "purchases");
    await page.getByRole("main").getByRole("link", { name: "Replay" }).click();
    await page.getByRole("button", { name: "Start a replay" }).click();
    await page.getByLabel("Tenant (optional)").fill("cafe");
    await page.getByLabel("From (optional)").fill(today());
    await shot(page, "replay-start");
    await confirm(page, "Start");
    await page.getByText("The replay is done.").waitFor();
    await page.locator(".facts div", { hasText: "Tenant" }).getByText("cafe").waitFor();
    const written = await page.locator(".facts div", { hasText: "Objects" }).locator("dd").textContent();
    assert.ok(Number(written) > 0, written);
    await shot(page, "replay");
    const address = new URL(page.url()).hash.slice(2);
    SECTIONS.push(address);
    await page.getByRole("link", { name: "← Replay" }).click();
    await page.getByLabel("Id of a replay").fill(address.split("/")[1]);
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByText("The replay is done.").waitFor();
  },
  async "a webhook gets a test event, and what was sent or failed since a time again"() {
    const shop = await receiver();
    const hook = { url: shop.url, eventTypes: ["orilla.order.received"], description: "The shop" };
    const { id } = await send("/webhooks", hook);
    SECTIONS.push(`webhooks/${id}`);
    const page = await open();
    await at(page, "webhooks");
    await page.getByRole("link", { name: shop.url }).click();
    await page.getByText("Nothing was sent in the last 7 days").waitFor();
    const order = (orderId) => send("/orders", { orderId, status: "received", description: "Tune the drum" });
    const rows = page.getByRole("table", { name: "Deliveries" }).getByRole("row");
    const row = (type, result) => rows.filter({ hasText: type }).filter({ hasText: result });
    const note = (text) => page.getByRole("status").getByText(text).waitFor();

    await order("ORD-SENT");
    await row("orilla.order.received", "delivered").waitFor();
    await page.getByRole("button", { name: "Resend since" }).click();
    await page.getByLabel("All that the webhook wants").check();
    await confirm(page, "Resend");
    await note("Events on their way again: 1");
    await row("orilla.order.received", "delivered").nth(1).waitFor();

    await page.getByRole("button", { name: "Test", exact: true }).click();
    await confirm(page, "Send");
    await note("On its way: msg_");
    await row("orilla.webhook.test", "delivered").waitFor();

    shop.status = 500;
    await order("ORD-MISSED");
    await row("orilla.order.received", "failed").waitFor();
    shop.status = 204;
    await page.getByRole("button", { name: "Resend since" }).click();
    await page.getByLabel("Since", { exact: true }).fill("2026-01-01T00:00:01");
    await shot(page, "resend");
    await confirm(page, "Resend");
    await note("Events on their way again: 1");
    await row("orilla.order.received", "delivered").nth(2).waitFor();
    await shot(page, "webhook");

    await page.getByRole("button", { name: "Switch off" }).click();
    await confirm(page, "Switch off");
    await page.getByRole("button", { name: "Switch on" }).waitFor();
    assert.ok(await page.getByRole("button", { name: "Resend since" }).isDisabled());
    shop.close();
  },
  async "a run of ipp is seen to its results"() {
    const { job_id } = await send("/ipp/start", { mostradores: ["7051602", "7051603"] });
    SECTIONS.push(`runs/${job_id}`);
    const page = await open();
    await at(page, "runs");
    await page.getByRole("table", { name: "Runs" }).getByRole("link", { name: job_id }).click();
    await page.locator(".facts").getByText("completed", { exact: true }).waitFor({ timeout: 60000 });
    await page.locator(".facts div", { hasText: "Mostradores" }).getByText("2", { exact: true }).waitFor();
    await page.getByRole("link", { name: `${job_id}/processed_data.csv` }).waitFor();
    assert.ok(await page.getByRole("button", { name: "Cancel", exact: true }).isDisabled());
    await shot(page, "run");
  },
  async "an order shows its versions"() {
    const page = await open();
    await at(page, "orders");
    await page.getByRole("link", { name: ORDER }).click();
    await page.getByRole("table", { name: "Versions" }).getByText("inprocess").waitFor();
    await shot(page, "order");
  },
  async "a photo under review is approved"() {
    const page = await open();
    await at(page, "review");
    const photo = page.locator(".photo");
    await photo.first().waitFor();
    await page.waitForFunction(() => document.querySelector(".photo img")?.naturalWidth > 0);
    await shot(page, "review");
    await photo.first().getByRole("button", { name: "Approve" }).click();
    await page.getByLabel("Reason (optional)").fill("A fine cat");
    await confirm(page, "Approve");
    await page.getByText("No photo waits").waitFor();
    await at(page, "photos");
    await page.waitForFunction(() => document.querySelector(".photo img")?.naturalWidth > 0);
    await page.getByText("A fine cat").waitFor();
  },
  async "who has no role may not act, and is told which one it takes"() {
    const page = await open({}, USER);
    await page.getByRole("alert").filter({ hasText: "ops" }).waitFor();
    await at(page, "review");
    await page.getByRole("alert").filter({ hasText: "reviewer" }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Approve" }).count(), 0);
    await at(page, "replay");
    const start = page.getByRole("button", { name: "Start a replay" });
    assert.ok(await start.isDisabled());
    assert.equal(await start.getAttribute("title"), "This takes the role ops");
  },
  async "every section fits a phone, by light and by dark, without serious findings of axe"() {
    for (const colorScheme of ["light", "dark"]) {
      const page = await open({ colorScheme, viewport: { width: 360, height: 740 }, reducedMotion: "reduce" });
      for (const section of SECTIONS) {
        await at(page, section);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${section} is ${wide} px too wide`);
        await page.evaluate(axe);
        const found = await page.evaluate(() => globalThis.axe.run());
        const serious = found.violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
        const told = serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ").slice(0, 300)}`);
        assert.deepEqual(told, [], `${colorScheme} ${section}`);
      }
      await at(page, "queues");
      await shot(page, `phone-${colorScheme}`);
    }
    const dark = await open({ colorScheme: "dark" });
    await dark.getByRole("row").nth(3).waitFor();
    await shot(dark, "dark");
  },
  async "the keyboard alone is enough"() {
    const page = await open({}, null);
    await page.getByLabel("Token").focus();
    await page.keyboard.insertText(OPERATOR);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("row").nth(1).waitFor();
    for (let steps = 0; steps < 60; steps++) {
      await page.keyboard.press("Tab");
      if ((await page.evaluate(() => document.activeElement?.textContent)) === "images") break;
    }
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Pause" }).waitFor();
    await page.getByRole("button", { name: "Pause" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
  },
  async "people sign in by the issuer, with PKCE"() {
    const issuer = `http://127.0.0.1:${OIDC_PORT}`;
    const codes = new Map();
    const faults = [];
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const server = createServer((request, answer) => {
      const url = new URL(request.url, issuer);
      answer.setHeader("access-control-allow-origin", ORILLA);
      const json = (status, body) => answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      if (url.pathname === "/.well-known/openid-configuration")
        return json(200, { issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` });
      if (url.pathname === "/authorize") {
        const code = randomUUID();
        codes.set(code, url.searchParams);
        const back = new URL(url.searchParams.get("redirect_uri"));
        back.searchParams.set("code", code);
        back.searchParams.set("state", url.searchParams.get("state"));
        return answer.writeHead(302, { location: back.href }).end();
      }
      let body = "";
      request.on("data", (chunk) => (body += chunk)).on("end", () => {
        const sent = new URLSearchParams(body);
        const asked = codes.get(sent.get("code"));
        codes.delete(sent.get("code"));
        const challenge = createHash("sha256").update(sent.get("code_verifier") ?? "").digest("base64url");
        if (!asked || challenge !== asked.get("code_challenge") || asked.get("code_challenge_method") !== "S256") {
          faults.push("the verifier does not fit");
          return json(400, { error: "invalid_grant" });
        }
        const id = { iss: issuer, aud: "orilla-console", nonce: asked.get("nonce"), sub: "456" };
        json(200, { access_token: OPERATOR, id_token: `${encode({ alg: "none" })}.${encode(id)}.x` });
      });
    });
    await new Promise((ready) => server.listen(Number(OIDC_PORT), "127.0.0.1", ready));
    const page = await open({ others: true }, null);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("row").nth(1).waitFor();
    assert.deepEqual(faults, []);
    assert.equal(new URL(page.url()).search, "");
    // A code that belongs to no sign-in of this tab is not taken.
    await page.evaluate(() => sessionStorage.clear());
    await page.goto(`${ORILLA}/console?code=x&state=y`);
    await page.getByText("does not belong to this tab").waitFor();
    assert.equal(new URL(page.url()).search, "");
    server.close();
  },
};

let failed = 0;
for (const [name, story] of Object.entries(stories)) {
  if (process.env.STORY && !name.includes(process.env.STORY)) continue;
  try {
    await story();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    for (const page of browser.contexts().flatMap((context) => context.pages()).slice(-1)) await shot(page, `failed-${failed}`);
    console.log(`FAILED ${name}\n${error.stack}`);
  }
}
await browser.close();
for (const complaint of complaints) console.log(`FAILED: ${complaint}`);
process.exit(failed || complaints.length ? 1 : 0);
