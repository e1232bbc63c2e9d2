// The parts that all sections are made of.

import type { ComponentChildren, JSX } from "preact";
import { createContext } from "preact";
import { useCallback, useContext, useEffect, useRef, useState } from "preact/hooks";
import { Refusal } from "./api";

export const Roles = createContext<string[]>([]);
export const useRole = (role: string): boolean => useContext(Roles).includes(role);

export interface Loaded<T> {
  data: T | null;
  error: unknown;
  reload: () => Promise<void>;
}

/** Loads something, and again every `every` milliseconds while the tab is visible. */
export function useLoad<T>(load: () => Promise<T>, key: string, every = 0): Loaded<T> {
  const [state, set] = useState<{ key: string; data: T | null; error: unknown }>({ key, data: null, error: null });
  const current = useRef({ key, load });
  current.current = { key, load };
  const reload = useCallback(async () => {
    const { key, load } = current.current;
    try {
      const data = await load();
      if (current.current.key === key) set({ key, data, error: null });
    } catch (error) {
      if (current.current.key === key) set((before) => ({ key, data: before.key === key ? before.data : null, error }));
    }
  }, []);
  useEffect(() => {
    let timer = 0;
    let over = false;
    const tick = async () => {
      window.clearTimeout(timer);
      if (!document.hidden) await reload();
      if (every && !over && !document.hidden) timer = window.setTimeout(tick, every);
    };
    void tick();
    const shown = () => void (every && !document.hidden && tick());
    document.addEventListener("visibilitychange", shown);
    return () => {
      over = true;
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
    };
  }, [key, every, reload]);
  const mine = state.key === key;
  return { data: mine ? state.data : null, error: mine ? state.error : null, reload };
}

export function Problem({ error }: { error: unknown }) {
  if (!error) return null;
  const refusal = error instanceof Refusal ? error : null;
  const text = error instanceof Error ? error.message : String(error);
  return (
    <div class="problem" role="alert">
      <strong>{refusal?.status === 403 ? "Not allowed. " : ""}</strong>
      {text}
      {refusal?.request && (
        <span class="muted small"> Request <code>{refusal.request}</code></span>
      )}
    </div>
  );
}

const TONES: Record<string, string> = {
  approved: "good", COMPLETED: "good", completed: "good", processed: "good", on: "good", done: "good", INSERT: "good", delivered: "good",
  rejected: "bad", failed: "bad", FAILED: "bad", corrupt: "bad", dead: "bad", REMOVE: "bad",
  under_review: "warn", COMPLETED_WITH_ERRORS: "warn", paused: "warn", held: "warn", expired: "warn", discarded: "warn",
  PROCESSING: "busy", inprocess: "busy", JOB1_RUNNING: "busy", JOB2_RUNNING: "busy", running: "busy", pending: "busy", received: "busy",
};

export const Badge = ({ of }: { of: string }) => (
  <span class={`badge ${TONES[of] ?? ""}`}>{of.replace(/_/g, " ").toLowerCase()}</span>
);

export function Time({ at }: { at?: string | null }) {
  if (!at) return <span class="muted">–</span>;
  const date = new Date(at);
  return (
    <time dateTime={at} title={at}>
      {date.toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" })}
    </time>
  );
}

export function age(seconds: number): string {
  if (seconds < 1) return seconds === 0 ? "0 s" : "<1 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export const Json = ({ value, label = "JSON" }: { value: unknown; label?: string }) => (
  <pre class="json" tabIndex={0} role="region" aria-label={label}>
    {typeof value === "string" ? value : JSON.stringify(value, null, 2)}
  </pre>
);

export interface Asked {
  title: string;
  text: string;
  action: string;
  danger?: boolean;
  /** What to ask for: inputs with names. */
  fields?: ComponentChildren;
  run: (answers: Answers) => Promise<unknown>;
}

/** The text of an input by its name, or null where it is empty. */
export type Answers = (name: string) => string | null;

function answers(form: HTMLFormElement): Answers {
  const values = new FormData(form);
  return (name) => String(values.get(name) ?? "").trim() || null;
}

/** A dialog that asks before something is done, and tells what came of it. */
export function useConfirm(done?: () => unknown): { ask: (asked: Asked) => void; dialog: ComponentChildren } {
  const [asked, set] = useState<Asked | null>(null);
  const [error, fail] = useState<unknown>(null);
  const [busy, work] = useState(false);
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (asked && !box.current?.open) box.current?.showModal();
    if (!asked) box.current?.close();
  }, [asked]);
  const ask = (next: Asked) => {
    fail(null);
    set(next);
  };
  const run = async (form: HTMLFormElement) => {
    if (!asked) return;
    work(true);
    try {
      await asked.run(answers(form));
      set(null);
      await done?.();
    } catch (problem) {
      fail(problem);
    }
    work(false);
  };
  const dialog = (
    <dialog ref={box} onClose={() => set(null)} aria-labelledby="ask">
      {asked && (
        <form method="dialog" onSubmit={(event) => { event.preventDefault(); void run(event.currentTarget); }}>
          <h2 id="ask">{asked.title}</h2>
          <p>{asked.text}</p>
          {asked.fields}
          <Problem error={error} />
          <div class="actions end">
            <button type="button" onClick={() => set(null)}>Keep it as it is</button>
            <button type="submit" class={asked.danger ? "danger" : "primary"} disabled={busy}>{asked.action}</button>
          </div>
        </form>
      )}
    </dialog>
  );
  return { ask, dialog };
}

/** A button for those with a role; others see which one it takes. */
export function Act(props: { role?: string; onClick: () => void; children: ComponentChildren; kind?: string; disabled?: boolean; label?: string }) {
  const roles = useContext(Roles);
  const lacks = props.role !== undefined && !roles.includes(props.role);
  return (
    <button
      type="button"
      class={props.kind}
      disabled={lacks || props.disabled}
      title={lacks ? `This takes the role ${props.role}` : undefined}
      aria-label={props.label}
      onClick={props.onClick}
    >
      {props.children}
    </button>
  );
}

export const Field = ({ label, ...input }: { label: string } & JSX.InputHTMLAttributes<HTMLInputElement>) => (
  <label class="field">{label}<input {...input} /></label>
);

export const Check = ({ label, name }: { label: string; name: string }) => (
  <label class="check"><input type="checkbox" name={name} />{label}</label>
);

/** What came of something, also said to those who do not see it. */
export const Note = ({ children }: { children: ComponentChildren }) => <p class="note" role="status">{children}</p>;

export const Bar = ({ percent, label }: { percent: number; label: string }) => (
  <progress max={100} value={percent} aria-label={label}>{percent} %</progress>
);

export const Empty = ({ children }: { children: ComponentChildren }) => <p class="empty">{children}</p>;

export interface Column<T> {
  head: string;
  cell: (row: T) => ComponentChildren;
  kind?: string;
}

/** A table that becomes a list of cards on a phone. */
export function Table<T>({ rows, columns, label, id }: { rows: T[]; columns: Column<T>[]; label: string; id: (row: T) => string }) {
  return (
    <table aria-label={label}>
      <thead>
        <tr>{columns.map((column) => <th key={column.head} scope="col" class={column.kind}>{column.head}</th>)}</tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={id(row)}>
            {columns.map((column) => (
              <td key={column.head} class={column.kind} data-head={column.head}>{column.cell(row)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Pages of a list, one after the other. */
export function usePages<T>(load: (cursor: string | null) => Promise<{ items: T[]; cursor?: string | null }>, key: string, every = 0) {
  const [trail, set] = useState<{ key: string; cursors: (string | null)[] }>({ key, cursors: [null] });
  const cursors = trail.key === key ? trail.cursors : [null];
  const cursor = cursors[cursors.length - 1] ?? null;
  const page = useLoad(() => load(cursor), `${key} ${cursor}`, every);
  const next = page.data?.cursor;
  const pager = (cursors.length > 1 || next) && (
    <div class="actions end">
      <button type="button" disabled={cursors.length < 2} onClick={() => set({ key, cursors: cursors.slice(0, -1) })}>Newer</button>
      <button type="button" disabled={!next} onClick={() => set({ key, cursors: [...cursors, next ?? null] })}>Older</button>
    </div>
  );
  return { ...page, pager };
}

export const Section = ({ title, children, actions, back }: { title: ComponentChildren; children: ComponentChildren; actions?: ComponentChildren; back?: [string, string] }) => (
  <section aria-labelledby="title">
    {back && <a class="back" href={back[0]}>← {back[1]}</a>}
    <header class="top">
      <h1 id="title" tabIndex={-1}>{title}</h1>
      <div class="actions">{actions}</div>
    </header>
    {children}
  </section>
);

export const Facts = ({ of }: { of: [string, ComponentChildren][] }) => (
  <dl class="facts">
    {of.map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
);
