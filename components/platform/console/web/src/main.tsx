// The page: who is signed in, and the section that the address names.

import "./style.css";
import { render } from "preact";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { call, listeners } from "./api";
import { Queues, QueueView, Replay, ReplayView, Schedules, Webhooks, WebhookView } from "./operations";
import { begin, claims, finish, forget, keep, roles, token, type Oidc } from "./session";
import { Problem, Roles } from "./ui";
import { Jobs, JobView, Orders, OrderView, Photos, PurchaseView, Purchases, Report, Review, Runs, RunView } from "./work";

const SECTIONS: [string, string, (id: string) => ComponentChildren, ((id: string) => ComponentChildren)?][] = [
  ["queues", "Queues", () => <Queues />, (id) => <QueueView key={id} name={id} />],
  ["schedules", "Schedules", () => <Schedules />],
  ["webhooks", "Webhooks", () => <Webhooks />, (id) => <WebhookView key={id} id={id} />],
  ["jobs", "Jobs", () => <Jobs />, (id) => <JobView key={id} id={id} />],
  ["orders", "Orders", () => <Orders />, (id) => <OrderView key={id} id={id} />],
  ["photos", "Photos", () => <Photos />],
  ["review", "Review", () => <Review />],
  ["purchases", "Purchases", () => <Purchases />, (id) => <PurchaseView key={id} id={id} />],
  ["report", "Report", () => <Report />],
  ["replay", "Replay", () => <Replay />, (id) => <ReplayView key={id} id={id} />],
  ["runs", "Runs", () => <Runs />, (id) => <RunView key={id} id={id} />],
];

function place(): [string, string] {
  const [section = "", id = ""] = location.hash.replace(/^#\/?/, "").split("/");
  try {
    return [section || "queues", decodeURIComponent(id)];
  } catch {
    return [section, id];
  }
}

function SignIn({ oidc, problem, enter }: { oidc: Oidc | null; problem: unknown; enter: () => void }) {
  const [error, fail] = useState<unknown>(problem);
  useEffect(() => fail(problem), [problem]);
  const [pasted, paste] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    const value = pasted.trim().replace(/^Bearer\s+/i, "");
    if (value.split(".").length !== 3) return fail(new Error("This is no JWT: it has three parts with dots between them."));
    keep(value);
    enter();
  };
  return (
    <main class="signin" id="main">
      <h1>Orilla console</h1>
      <Problem error={error} />
      {oidc && <button type="button" class="primary" onClick={() => begin(oidc).catch(fail)}>Sign in</button>}
      <form onSubmit={submit}>
        <label class="field">Token
          <textarea rows={4} value={pasted} autocomplete="off" spellcheck={false} onInput={(event) => paste(event.currentTarget.value)} />
        </label>
        <p class="muted small">A JWT of the application's users. It stays in this tab alone.</p>
        <button type="submit" class={oidc ? "" : "primary"}>Use this token</button>
      </form>
    </main>
  );
}

function App({ oidc, first }: { oidc: Oidc | null; first: unknown }) {
  const [held, hold] = useState(token());
  const [problem, tell] = useState<unknown>(first);
  const [where, go] = useState(place());
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    listeners.refused = (refusal) => {
      tell(refusal);
      hold(null);
    };
    const moved = () => {
      go(place());
      window.scrollTo(0, 0);
      main.current?.focus();
    };
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  if (!held) return <SignIn oidc={oidc} problem={problem} enter={() => { tell(null); hold(token()); }} />;
  const [name, id] = where;
  const section = SECTIONS.find(([one]) => one === name) ?? SECTIONS[0];
  if (!section) return null;
  const mine = roles(held);
  document.title = `${id || section[1]} · Orilla console`;
  const leave = () => {
    forget();
    tell(null);
    hold(null);
  };
  return (
    <Roles.Provider value={mine}>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>Skip to the content</a>
      <nav aria-label="Sections">
        <span class="brand">Orilla</span>
        <ul>{SECTIONS.map(([one, title]) => (
          <li key={one}><a href={`#/${one}`} aria-current={one === section[0] ? "page" : undefined}>{title}</a></li>
        ))}</ul>
        <div class="who">
          <span class="muted small">{String(claims(held)["sub"] ?? "")}<br />{mine.join(", ") || "no role"}</span>
          <button type="button" onClick={leave}>Sign out</button>
        </div>
      </nav>
      <main id="main" ref={main} tabIndex={-1}>{id && section[3] ? section[3](id) : section[2](id)}</main>
    </Roles.Provider>
  );
}

async function start() {
  let oidc: Oidc | null = null;
  let problem: unknown = null;
  try {
    oidc = (await call<{ oidc: Oidc | null }>("/console/config.json")).oidc;
    await finish(oidc);
  } catch (error) {
    problem = error;
  }
  const root = document.getElementById("app");
  if (root) render(<App oidc={oidc} first={problem} />, root);
}

void start();
