// Queues with their dead letters, schedules, webhooks and replays.

import { useEffect, useState } from "preact/hooks";
import { call, post, query, Refusal, seg } from "./api";
import { Act, age, Badge, Check, Empty, Facts, Field, Json, Note, Problem, Section, Table, Time, useConfirm, useLoad, usePages } from "./ui";

interface Queue {
  name: string; depth: number; inFlight: number; oldestAgeSeconds: number; delayed: number; due: number;
  dead: number; held: number; processed: number; retried: number; paused: boolean; pausedSince?: string;
}
interface Minute { at: string; processed: number; retried: number; dead: number }
interface Letter { id: string; message: unknown; error: string; attempts: number; diedAt: string }

const queues = () => call<{ queues: Queue[] }>("/ops/queues").then((answer) => answer.queues);
const at = (name: string) => `/ops/queues/${seg(name)}`;

export function Queues() {
  const { data, error } = useLoad(queues, "queues", 3000);
  return (
    <Section title="Queues">
      <Problem error={error} />
      {data && (
        <Table label="Queues" rows={data} id={(queue) => queue.name} columns={[
          { head: "Queue", cell: (queue) => <a href={`#/queues/${seg(queue.name)}`}>{queue.name}</a>, kind: "name" },
          { head: "State", cell: (queue) => <Badge of={queue.paused ? "paused" : "on"} /> },
          { head: "Depth", cell: (queue) => queue.depth, kind: "number" },
          { head: "Oldest", cell: (queue) => age(queue.oldestAgeSeconds), kind: "number" },
          { head: "In flight", cell: (queue) => queue.inFlight, kind: "number" },
          { head: "Delayed", cell: (queue) => queue.delayed, kind: "number" },
          { head: "Held", cell: (queue) => queue.held, kind: "number" },
          { head: "Processed", cell: (queue) => queue.processed, kind: "number" },
          { head: "Retried", cell: (queue) => queue.retried, kind: "number" },
          { head: "Dead", cell: (queue) => queue.dead ? <strong class="alarm">{queue.dead}</strong> : 0, kind: "number" },
        ]} />
      )}
    </Section>
  );
}

/** Processed messages above the line, failed ones below it, a bar a minute. */
function Graph({ minutes }: { minutes: Minute[] }) {
  const sum = (of: (minute: Minute) => number) => minutes.reduce((all, minute) => all + of(minute), 0);
  const busiest = Math.max(0, ...minutes.map((minute) => minute.processed));
  const top = Math.max(1, busiest);
  const low = Math.max(1, ...minutes.map((minute) => minute.retried + minute.dead));
  const width = 600 / Math.max(1, minutes.length);
  const told = `Last hour: ${sum((m) => m.processed)} processed, ${sum((m) => m.retried)} retried, ${sum((m) => m.dead)} dead`;
  return (
    <figure>
      <svg class="graph" viewBox="0 0 600 132" preserveAspectRatio="none" role="img" aria-label={told}>
        {minutes.map((minute, index) => {
          const up = (minute.processed / top) * 84;
          const retried = (minute.retried / low) * 36;
          const dead = (minute.dead / low) * 36;
          return (
            <g key={minute.at}>
              <title>{`${minute.at.slice(11, 16)} UTC: ${minute.processed} processed, ${minute.retried} retried, ${minute.dead} dead`}</title>
              <rect class="hit" x={index * width} y={0} width={width} height={132} />
              <rect class="up" x={index * width + 1} y={90 - up} width={width - 2} height={up} />
              <rect class="retried" x={index * width + 1} y={92} width={width - 2} height={retried} />
              <rect class="dead" x={index * width + 1} y={92 + retried} width={width - 2} height={dead} />
            </g>
          );
        })}
        <line x1={0} x2={600} y1={91} y2={91} />
      </svg>
      <figcaption>{told}; at most {busiest} processed in a minute</figcaption>
    </figure>
  );
}

export function QueueView({ name }: { name: string }) {
  const list = useLoad(queues, "queues", 3000);
  const history = useLoad(
    () => call<{ minutes: Minute[] }>(`${at(name)}/history`).then((answer) => answer.minutes).catch((error: unknown) => {
      if (error instanceof Refusal && error.status === 404) return null;
      throw error;
    }), `history ${name}`, 15000);
  const letters = usePages(
    (cursor) => call<{ dead: Letter[]; total: number; cursor: string | null }>(`${at(name)}/dead${query({ limit: 50, cursor })}`)
      .then((page) => ({ items: page.dead, total: page.total, cursor: page.cursor })), `dead ${name}`, 10000);
  const [chosen, choose] = useState<string[]>([]);
  const { ask, dialog } = useConfirm(async () => {
    choose([]);
    await Promise.all([list.reload(), letters.reload()]);
  });
  const queue = list.data?.find((one) => one.name === name);
  const dead = letters.data?.items ?? [];
  const there = chosen.filter((id) => dead.some((letter) => letter.id === id));
  const offer = (verb: "redrive" | "discard", what: string, body: unknown) => ask({
    title: `${verb === "redrive" ? "Redrive" : "Discard"} ${what}?`,
    text: verb === "redrive" ? `They go back to ${name} with all their attempts.` : "Their messages are thrown away for good.",
    action: verb === "redrive" ? "Redrive" : "Discard",
    danger: verb === "discard",
    run: () => post(`${at(name)}/dead/${verb}`, body),
  });
  const order = (verb: string, text: string) => ask({ title: `${verb} ${name}?`, text, action: verb, run: () => post(`${at(name)}/${verb.toLowerCase()}`) });
  return (
    <Section title={name} back={["#/queues", "Queues"]} actions={queue && (
      <>
        {queue.paused
          ? <Act role="ops" onClick={() => order("Resume", "Workers are woken at once.")}>Resume</Act>
          : <Act role="ops" onClick={() => order("Pause", "Workers claim nothing until it is resumed.")}>Pause</Act>}
        <Act role="ops" onClick={() => order("Drain", "This request works on the queue, for up to 20 seconds.")}>Drain</Act>
      </>
    )}>
      <Problem error={list.error ?? letters.error} />
      {list.data && !queue && <Empty>There is no queue of this name.</Empty>}
      {queue && <Facts of={[
        ["State", <Badge of={queue.paused ? "paused" : "on"} />], ["Depth", queue.depth], ["Oldest", age(queue.oldestAgeSeconds)],
        ["In flight", queue.inFlight], ["Delayed", queue.delayed], ["Held", queue.held], ["Processed", queue.processed],
        ["Retried", queue.retried], ["Dead", queue.dead],
      ]} />}
      {history.data && <Graph minutes={history.data} />}
      <h2>Dead letters {letters.data && <span class="muted">{queue?.dead ?? dead.length}</span>}</h2>
      {letters.data && dead.length === 0 && <Empty>No message died here.</Empty>}
      {dead.length > 0 && (
        <>
          <div class="actions">
            <label class="check">
              <input type="checkbox" checked={there.length === dead.length}
                onChange={(event) => choose(event.currentTarget.checked ? dead.map((letter) => letter.id) : [])} />
              All on this page
            </label>
            <Act role="ops" disabled={!there.length} onClick={() => offer("redrive", `${there.length} dead letters`, { ids: there })}>Redrive chosen</Act>
            <Act role="ops" disabled={!there.length} onClick={() => offer("discard", `${there.length} dead letters`, { ids: there })}>Discard chosen</Act>
            <Act role="ops" onClick={() => offer("redrive", "all dead letters", { all: true })}>Redrive all</Act>
            <Act role="ops" kind="quiet-danger" onClick={() => offer("discard", "all dead letters", { all: true })}>Discard all</Act>
          </div>
          <ul class="letters">
            {dead.map((letter) => (
              <li key={letter.id}>
                <label class="check">
                  <input type="checkbox" checked={chosen.includes(letter.id)} aria-label={`Choose ${letter.id}`}
                    onChange={(event) => choose(event.currentTarget.checked ? [...chosen, letter.id] : chosen.filter((id) => id !== letter.id))} />
                  <code>{letter.id}</code>
                </label>
                <p class="reason">{letter.error}</p>
                <p class="muted small">{letter.attempts} attempts, died <Time at={letter.diedAt} /></p>
                <details><summary>Message</summary><Json value={letter.message} label={`Message ${letter.id}`} /></details>
                <div class="actions">
                  <Act role="ops" label={`Redrive ${letter.id}`} onClick={() => offer("redrive", letter.id, { ids: [letter.id] })}>Redrive</Act>
                  <Act role="ops" label={`Discard ${letter.id}`} onClick={() => offer("discard", letter.id, { ids: [letter.id] })}>Discard</Act>
                </div>
              </li>
            ))}
          </ul>
          {letters.pager}
        </>
      )}
      {dialog}
    </Section>
  );
}

interface Schedule { name: string; expression: string; queue: string; next: string | null; last: { ranAt: string } | null; runs: number; missed: number; skipped: number }

export function Schedules() {
  const { data, error } = useLoad(() => call<{ schedules: Schedule[]; wrong: { name: string; problem: string }[] }>("/ops/schedules"), "schedules", 15000);
  return (
    <Section title="Schedules">
      <Problem error={error} />
      {data?.wrong.map((line) => <Problem key={line.name} error={new Error(`${line.name}: ${line.problem}`)} />)}
      {data && data.schedules.length === 0 && <Empty>No schedule is set. The variables `schedules` and `ipp_schedule` make them.</Empty>}
      {data && data.schedules.length > 0 && <Table label="Schedules" rows={data.schedules} id={(one) => one.name} columns={[
        { head: "Name", cell: (one) => one.name, kind: "name" },
        { head: "Expression", cell: (one) => <code>{one.expression}</code> },
        { head: "Queue", cell: (one) => <a href={`#/queues/${seg(one.queue)}`}>{one.queue}</a> },
        { head: "Next", cell: (one) => <Time at={one.next} /> },
        { head: "Last", cell: (one) => <Time at={one.last?.ranAt} /> },
        { head: "Runs", cell: (one) => one.runs, kind: "number" },
        { head: "Missed", cell: (one) => one.missed, kind: "number" },
        { head: "Skipped", cell: (one) => one.skipped, kind: "number" },
      ]} />}
    </Section>
  );
}

interface Hook { id: string; url: string; eventTypes: string[]; description: string; enabled: boolean; readOnly: boolean; failingSince?: string; lastSuccessAt?: string; disabledReason?: string }
interface Delivery { event: string; type: string; delivered: boolean; status: number | null; at: string; durationMs: number; attempt: number; answer: string; error: string | null }

export function Webhooks() {
  const { data, error, pager } = usePages((cursor) => call<{ webhooks: Hook[]; cursor: string | null }>(`/webhooks${query({ cursor })}`).then((page) => ({ items: page.webhooks, cursor: page.cursor })), "webhooks", 15000);
  return (
    <Section title="Webhooks">
      <Problem error={error} />
      {data?.items.length === 0 && <Empty>There are no webhooks.</Empty>}
      {data && data.items.length > 0 && <Table label="Webhooks" rows={data.items} id={(hook) => hook.id} columns={[
        { head: "URL", cell: (hook) => <a href={`#/webhooks/${seg(hook.id)}`}>{hook.url}</a>, kind: "name" },
        { head: "State", cell: (hook) => <Badge of={hook.enabled ? "on" : "off"} /> },
        { head: "Events", cell: (hook) => hook.eventTypes.join(", ") || "all" },
        { head: "Last success", cell: (hook) => <Time at={hook.lastSuccessAt} /> },
        { head: "Failing since", cell: (hook) => <Time at={hook.failingSince} /> },
      ]} />}
      {pager}
    </Section>
  );
}

/** A time as inputs take it, in the zone of the browser. */
function local(time: string): string {
  const date = new Date(time);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
}

const hourAgo = () => new Date(Date.now() - 3600000).toISOString();

export function WebhookView({ id }: { id: string }) {
  const base = `/webhooks/${seg(id)}`;
  const hook = useLoad(() => call<Hook>(base), `webhook ${id}`, 5000);
  const log = usePages((cursor) => call<{ deliveries: Delivery[]; cursor: string | null }>(`${base}/deliveries${query({ cursor })}`).then((page) => ({ items: page.deliveries, cursor: page.cursor })), `deliveries ${id}`, 5000);
  const [note, tell] = useState("");
  const { ask, dialog } = useConfirm(() => Promise.all([hook.reload(), log.reload()]));
  const one = hook.data;
  const test = (url: string) => ask({
    title: "Send a test event?", text: url, action: "Send",
    run: async () => tell(`On its way: ${(await post<{ event: string }>(`${base}/test`)).event}`),
  });
  const resend = (event: string) => ask({
    title: "Send it again?", text: event, action: "Resend",
    run: async () => tell(`On its way again: ${(await post<{ event: string }>(`${base}/deliveries/${seg(event)}/resend`)).event}`),
  });
  const resendSince = (failingSince?: string) => ask({
    title: "Send events since a time again?", text: "Those whose last attempt failed since then.", action: "Resend",
    fields: (
      <>
        <Field label="Since" name="since" type="datetime-local" step={1} required defaultValue={local(failingSince ?? hourAgo())} />
        <Check label="All that the webhook wants, delivered ones too" name="all" />
      </>
    ),
    run: async (answers) => {
      const since = new Date(answers("since") ?? "").toISOString();
      const { events } = await post<{ events: number }>(`${base}/resend`, { since, all: answers("all") !== null });
      tell(`Events on their way again: ${events}`);
    },
  });
  return (
    <Section title={one?.description || one?.url || id} back={["#/webhooks", "Webhooks"]} actions={one && (
      <>
        {!one.readOnly && <Act role="ops" onClick={() => ask({ title: `Switch it ${one.enabled ? "off" : "on"}?`, text: one.url, action: one.enabled ? "Switch off" : "Switch on", run: () => call(base, "PATCH", { enabled: !one.enabled }) })}>{one.enabled ? "Switch off" : "Switch on"}</Act>}
        <Act role="ops" onClick={() => test(one.url)}>Test</Act>
        <Act role="ops" disabled={!one.enabled} onClick={() => resendSince(one.failingSince)}>Resend since</Act>
      </>
    )}>
      <Problem error={hook.error ?? log.error} />
      <Note>{note}</Note>
      {one && <Facts of={[["State", <Badge of={one.enabled ? "on" : "off"} />], ["URL", one.url], ["Events", one.eventTypes.join(", ") || "all"], ["Failing since", <Time at={one.failingSince} />]]} />}
      <h2>Deliveries</h2>
      {log.data?.items.length === 0 && <Empty>Nothing was sent in the last 7 days.</Empty>}
      {log.data && log.data.items.length > 0 && <Table label="Deliveries" rows={log.data.items} id={(one) => `${one.event} ${one.at}`} columns={[
        { head: "At", cell: (one) => <Time at={one.at} /> },
        { head: "Event", cell: (one) => <><span>{one.type}</span><br /><code class="small">{one.event}</code></> },
        { head: "Result", cell: (one) => <><Badge of={one.delivered ? "delivered" : "failed"} /> {one.status ?? ""}</> },
        { head: "Attempt", cell: (one) => one.attempt, kind: "number" },
        { head: "Answer", cell: (one) => one.error ?? one.answer },
        { head: "Resend", cell: (one) => <Act role="ops" label={`Resend ${one.event}`} onClick={() => resend(one.event)}>Resend</Act> },
      ]} />}
      {log.pager}
      {dialog}
    </Section>
  );
}

interface Progress { state: string; purchases: number; objects: number; finished_at: string | null; replay: { tenant: string | null; from: string | null; to: string | null; started_at: string } }

const openReplay = (id: string) => { location.hash = `#/replay/${seg(id)}`; };

export function Replay() {
  const [sought, seek] = useState("");
  const { ask, dialog } = useConfirm();
  const start = () => ask({
    title: "Start a replay?", text: "Objects of changes are written again. Without a tenant and days: all of them.", action: "Start",
    fields: (
      <>
        <Field label="Tenant (optional)" name="tenant" />
        <Field label="From (optional)" name="from" type="date" />
        <Field label="To (optional)" name="to" type="date" />
      </>
    ),
    run: async (answers) => {
      const wanted = { tenant: answers("tenant"), from: answers("from"), to: answers("to") };
      openReplay((await post<{ replay: { id: string } }>("/ops/compras/replay", wanted)).replay.id);
    },
  });
  return (
    <Section title="Replay" back={["#/purchases", "Purchases"]} actions={<Act role="ops" onClick={start}>Start a replay</Act>}>
      <p>A replay writes the objects of changes of purchases again, from the stored purchases and records. Its progress is kept for 30 days.</p>
      <form class="actions" onSubmit={(event) => { event.preventDefault(); openReplay(sought.trim()); }}>
        <label class="field inline">Id of a replay <input value={sought} required onInput={(event) => seek(event.currentTarget.value)} /></label>
        <button type="submit">Show</button>
      </form>
      {dialog}
    </Section>
  );
}

export function ReplayView({ id }: { id: string }) {
  const [every, look] = useState(2000);
  const { data, error } = useLoad(() => call<Progress>(`/ops/compras/replay/${seg(id)}`), `replay ${id}`, every);
  const isDone = data?.state === "done";
  useEffect(() => look(isDone ? 0 : 2000), [isDone]);
  return (
    <Section title={id} back={["#/replay", "Replay"]}>
      <Problem error={error} />
      {data && <Facts of={[
        ["State", <Badge of={data.state} />], ["Purchases", data.purchases], ["Objects", data.objects],
        ["Tenant", data.replay.tenant ?? "all"], ["From", data.replay.from ?? "–"], ["To", data.replay.to ?? "–"],
        ["Started", <Time at={data.replay.started_at} />], ["Finished", <Time at={data.finished_at} />],
      ]} />}
      <Note>{isDone && "The replay is done."}</Note>
    </Section>
  );
}
