// Jobs, orders, photos, purchases and runs of ipp.

import { useState } from "preact/hooks";
import { call, post, query, seg } from "./api";
import { Act, Badge, Bar, Empty, Facts, Field, Json, Problem, Section, Table, Time, useConfirm, useLoad, usePages, useRole } from "./ui";

interface Job { jobId: string; status: string; totalToons: number; processedToons: number; failedToons: number; canceledToons?: number; progress: number; submittedAt: string; updatedAt: string; finishedAt?: string }
interface Toon { toonId: string; status: string; error?: string; attempts: number; processedAt: string }

const JOB_STATUSES = ["SCHEDULED", "PENDING", "PROCESSING", "COMPLETED", "COMPLETED_WITH_ERRORS", "CANCELED"];

const Choice = ({ label, value, of, set }: { label: string; value: string; of: string[]; set: (value: string) => void }) => (
  <label class="field inline">{label}
    <select value={value} onChange={(event) => set(event.currentTarget.value)}>
      <option value="">all</option>
      {of.map((one) => <option key={one} value={one}>{one.replace(/_/g, " ").toLowerCase()}</option>)}
    </select>
  </label>
);

export function Jobs() {
  const [status, set] = useState("");
  const { data, error, pager } = usePages((cursor) => call<{ jobs: Job[]; cursor: string | null }>(`/jobs${query({ status, cursor })}`).then((page) => ({ items: page.jobs, cursor: page.cursor })), `jobs ${status}`, 4000);
  return (
    <Section title="Jobs" actions={<Choice label="Status" value={status} of={JOB_STATUSES} set={set} />}>
      <Problem error={error} />
      {data?.items.length === 0 && <Empty>There are no such jobs.</Empty>}
      {data && data.items.length > 0 && <Table label="Jobs" rows={data.items} id={(job) => job.jobId} columns={[
        { head: "Job", cell: (job) => <a href={`#/jobs/${seg(job.jobId)}`}>{job.jobId}</a>, kind: "name" },
        { head: "Status", cell: (job) => <Badge of={job.status} /> },
        { head: "Progress", cell: (job) => <Bar percent={job.progress} label={`Progress of ${job.jobId}`} /> },
        { head: "Toons", cell: (job) => `${job.processedToons} / ${job.totalToons}`, kind: "number" },
        { head: "Failed", cell: (job) => job.failedToons ? <strong class="alarm">{job.failedToons}</strong> : 0, kind: "number" },
        { head: "Submitted", cell: (job) => <Time at={job.submittedAt} /> },
      ]} />}
      {pager}
    </Section>
  );
}

export function JobView({ id }: { id: string }) {
  const job = useLoad(() => call<Job>(`/jobs/${seg(id)}`), `job ${id}`, 2000);
  const toons = usePages((cursor) => call<{ results: Toon[]; cursor: string | null }>(`/results${query({ jobId: id, limit: 500, cursor })}`).then((page) => ({ items: page.results.filter((toon) => toon.status === "FAILED"), cursor: page.cursor })), `toons ${id} ${job.data?.failedToons}`);
  const { ask, dialog } = useConfirm(() => Promise.all([job.reload(), toons.reload()]));
  const one = job.data;
  const runs = one && ["SCHEDULED", "PENDING", "PROCESSING"].includes(one.status);
  return (
    <Section title={id} back={["#/jobs", "Jobs"]} actions={one && (
      <>
        <Act disabled={!runs} onClick={() => ask({ title: `Cancel ${id}?`, text: "Toons that no worker has begun with are not processed.", action: "Cancel the job", danger: true, run: () => post(`/jobs/${seg(id)}/cancel`) })}>Cancel</Act>
        <Act disabled={one.status !== "COMPLETED_WITH_ERRORS"} onClick={() => ask({ title: `Retry ${id}?`, text: `Its ${one.failedToons} failed toons are processed again.`, action: "Retry", run: () => post(`/jobs/${seg(id)}/retry`) })}>Retry failed</Act>
      </>
    )}>
      <Problem error={job.error ?? toons.error} />
      {one && <>
        <Bar percent={one.progress} label="Progress" />
        <Facts of={[["Status", <Badge of={one.status} />], ["Progress", `${one.progress} %`], ["Toons", `${one.processedToons} of ${one.totalToons}`], ["Failed", one.failedToons], ["Submitted", <Time at={one.submittedAt} />], ["Finished", <Time at={one.finishedAt} />]]} />
      </>}
      <h2>Failed toons</h2>
      {toons.data?.items.length === 0 && <Empty>None on this page.</Empty>}
      {toons.data && toons.data.items.length > 0 && <Table label="Failed toons" rows={toons.data.items} id={(toon) => toon.toonId} columns={[
        { head: "Toon", cell: (toon) => toon.toonId, kind: "name" },
        { head: "Error", cell: (toon) => toon.error },
        { head: "Attempts", cell: (toon) => toon.attempts, kind: "number" },
        { head: "At", cell: (toon) => <Time at={toon.processedAt} /> },
      ]} />}
      {toons.pager}
      {dialog}
    </Section>
  );
}

interface Order { orderId: string; status: string; description: string; version: number; createdBy: string; updatedAt: string; updatedBy: string; deliveryDate: string; processing?: Processing }
interface Processing { state?: string; processedAt?: string; attempts?: number; deadLetter?: { queue: string; id: string; error?: string } }

export function Orders() {
  const [status, set] = useState("");
  const { data, error, pager } = usePages((cursor) => call<{ orders: Order[]; cursor: string | null }>(`/orders${query({ status, cursor })}`).then((page) => ({ items: page.orders, cursor: page.cursor })), `orders ${status}`, 8000);
  return (
    <Section title="Orders" actions={<Choice label="Status" value={status} of={["received", "inprocess", "completed", "canceled"]} set={set} />}>
      <Problem error={error} />
      {data?.items.length === 0 && <Empty>There are no such orders.</Empty>}
      {data && data.items.length > 0 && <Table label="Orders" rows={data.items} id={(order) => order.orderId} columns={[
        { head: "Order", cell: (order) => <a href={`#/orders/${seg(order.orderId)}`}>{order.orderId}</a>, kind: "name" },
        { head: "Status", cell: (order) => <Badge of={order.status} /> },
        { head: "Description", cell: (order) => order.description },
        { head: "Version", cell: (order) => order.version, kind: "number" },
        { head: "User", cell: (order) => order.createdBy },
        { head: "Changed", cell: (order) => <Time at={order.updatedAt} /> },
      ]} />}
      {pager}
    </Section>
  );
}

export function OrderView({ id }: { id: string }) {
  const order = useLoad(() => call<Order>(`/orders/${seg(id)}`), `order ${id}`, 5000);
  const versions = usePages((cursor) => call<{ versions: Order[]; cursor: string | null }>(`/orders/${seg(id)}${query({ history: "true", limit: 50, cursor })}`).then((page) => ({ items: page.versions, cursor: page.cursor })), `versions ${id} ${order.data?.version} ${order.data?.processing?.state}`);
  const one = order.data;
  const dead = one?.processing?.deadLetter;
  return (
    <Section title={id} back={["#/orders", "Orders"]}>
      <Problem error={order.error ?? versions.error} />
      {one && <Facts of={[["Status", <Badge of={one.status} />], ["Version", one.version], ["Processing", <Badge of={one.processing?.state ?? ""} />], ["User", one.createdBy], ["Changed", <Time at={one.updatedAt} />], ["Description", one.description]]} />}
      {dead && <p class="problem">Its message group waits for the dead letter <a href={`#/queues/${seg(dead.queue)}`}>{dead.id} on {dead.queue}</a>. {dead.error}</p>}
      <h2>Versions</h2>
      {versions.data && <Table label="Versions" rows={versions.data.items} id={(version) => String(version.version)} columns={[
        { head: "Version", cell: (version) => version.version, kind: "number" },
        { head: "Status", cell: (version) => <Badge of={version.status} /> },
        { head: "Description", cell: (version) => version.description },
        { head: "By", cell: (version) => version.updatedBy },
        { head: "At", cell: (version) => <Time at={version.updatedAt} /> },
        { head: "Processed", cell: (version) => <Time at={version.processing?.processedAt} /> },
      ]} />}
      {versions.pager}
    </Section>
  );
}

interface Image { file_name: string; user_id: number; status: string; reason?: string; rekognition_results: { Name: string; Confidence: number }[]; posts: { post_id: number; content: string }[]; created_at: string; url?: string; review?: { decision: string; reason?: string } }

const Labels = ({ of }: { of: Image["rekognition_results"] }) => (
  <ul class="labels">{of.slice(0, 8).map((label) => <li key={label.Name}>{label.Name} <span class="muted">{Math.round(label.Confidence)}</span></li>)}</ul>
);

const Photo = ({ image, url }: { image: Image; url?: string }) => (
  <>
    {url ? <img src={url} alt={image.posts[0]?.content || `Photo of user ${image.user_id}`} loading="lazy" referrerpolicy="no-referrer" /> : <div class="noimage muted">no picture</div>}
    <p><Badge of={image.status} /> <span class="muted small">user {image.user_id}, <Time at={image.created_at} /></span></p>
    {image.reason && <p class="small">{image.reason}</p>}
    {image.review?.reason && <p class="small">{image.review.decision}: {image.review.reason}</p>}
    <Labels of={image.rekognition_results} />
  </>
);

function Mine({ file }: { file: string }) {
  const { data, error } = useLoad(async () => {
    const image = await call<Image>(`/images/${seg(file)}`);
    // A thumbnail that is not made yet, or cannot be, is replaced by the photo.
    const obtain = (size: string) => call<{ url: string }>(`/obtain/${seg(file)}${size}`);
    const link = await obtain("?size=256").catch(() => obtain("")).catch(() => null);
    return { image, url: link?.url };
  }, file);
  return <li class="photo"><Problem error={error} />{data && <Photo image={data.image} url={data.url} />}</li>;
}

export function Photos() {
  const [label, set] = useState("");
  const { data, error, pager } = usePages((cursor) => call<{ images: string[]; next_cursor?: string }>(`/scan${query({ label: label ? `${label}>50` : "", limit: 24, cursor })}`).then((page) => ({ items: page.images, cursor: page.next_cursor })), `photos ${label}`);
  return (
    <Section title="My photos" actions={<label class="field inline">Label <input type="search" value={label} placeholder="coffee" onChange={(event) => set(event.currentTarget.value.trim())} /></label>}>
      <Problem error={error} />
      {data?.items.length === 0 && <Empty>You have no such photos.</Empty>}
      <ul class="photos">{data?.items.map((file) => <Mine key={file} file={file} />)}</ul>
      {pager}
    </Section>
  );
}

export function Review() {
  const { data, error, pager, reload } = usePages((cursor) => call<{ images: Image[]; cursor: string | null }>(`/images${query({ status: "under_review", cursor })}`).then((page) => ({ items: page.images, cursor: page.cursor })), "review", 30000);
  const { ask, dialog } = useConfirm(reload);
  const decide = (image: Image, decision: "approve" | "reject") => ask({
    title: decision === "approve" ? "Approve the photo?" : "Reject the photo?", text: "The first decision counts. Its owner can read the reason.",
    action: decision === "approve" ? "Approve" : "Reject", danger: decision === "reject", fields: <Field label="Reason (optional)" name="reason" maxLength={1000} />,
    run: (answers) => post(`/images/${seg(image.file_name)}/review`, { decision, reason: answers("reason") }),
  });
  return (
    <Section title="Photos under review">
      <Problem error={error} />
      {data?.items.length === 0 && <Empty>No photo waits for a decision.</Empty>}
      <ul class="photos">{data?.items.map((image) => (
        <li class="photo" key={image.file_name}>
          <Photo image={image} url={image.url} />
          <div class="actions">
            <Act role="reviewer" onClick={() => decide(image, "approve")}>Approve</Act>
            <Act role="reviewer" kind="quiet-danger" onClick={() => decide(image, "reject")}>Reject</Act>
          </div>
        </li>
      ))}</ul>
      {pager}
      {dialog}
    </Section>
  );
}

interface Sums { moneda: string; compras: number; cantidad: number; ingresos: number; ticket_promedio: number; dia?: string }
interface Purchase { compra_id: string; user_id: string; fecha: string; version: number; resumen: { total_productos: number; total_precio: number; moneda: string }; updated_at: string; event_name?: string; updated_by: string; productos: unknown }

export function Purchases() {
  const { data, error, pager } = usePages((cursor) => call<{ compras: Purchase[]; cursor: string | null }>(`/compras${query({ cursor })}`).then((page) => ({ items: page.compras, cursor: page.cursor })), "purchases", 15000);
  return (
    <Section title="Purchases" actions={<><a class="button" href="#/report">Report</a><a class="button" href="#/replay">Replay</a></>}>
      <Problem error={error} />
      {data?.items.length === 0 && <Empty>There are no purchases.</Empty>}
      {data && data.items.length > 0 && <Table label="Purchases" rows={data.items} id={(one) => one.compra_id} columns={[
        { head: "Purchase", cell: (one) => <a href={`#/purchases/${seg(one.compra_id)}`}>{one.compra_id}</a>, kind: "name" },
        { head: "Fecha", cell: (one) => one.fecha },
        { head: "User", cell: (one) => one.user_id },
        { head: "Products", cell: (one) => one.resumen.total_productos, kind: "number" },
        { head: "Total", cell: (one) => `${one.resumen.total_precio} ${one.resumen.moneda}`, kind: "number" },
        { head: "Version", cell: (one) => one.version, kind: "number" },
      ]} />}
      {pager}
    </Section>
  );
}

export function PurchaseView({ id }: { id: string }) {
  const versions = usePages((cursor) => call<{ versions: Purchase[]; cursor: string | null }>(`/compras/${seg(id)}${query({ history: "true", limit: 50, cursor })}`).then((page) => ({ items: page.versions, cursor: page.cursor })), `purchase ${id}`);
  return (
    <Section title={id} back={["#/purchases", "Purchases"]}>
      <Problem error={versions.error} />
      {versions.data && <Table label="Versions" rows={versions.data.items} id={(one) => String(one.version)} columns={[
        { head: "Version", cell: (one) => one.version, kind: "number" },
        { head: "Change", cell: (one) => <Badge of={one.event_name ?? ""} /> },
        { head: "Fecha", cell: (one) => one.fecha },
        { head: "Total", cell: (one) => `${one.resumen.total_precio} ${one.resumen.moneda}`, kind: "number" },
        { head: "By", cell: (one) => one.updated_by },
        { head: "At", cell: (one) => <Time at={one.updated_at} /> },
        { head: "Products", cell: (one) => <details><summary>Products</summary><Json value={one.productos} label={`Products of version ${one.version}`} /></details> },
      ]} />}
      {versions.pager}
    </Section>
  );
}

const day = (back: number) => new Date(Date.now() - back * 86400000).toISOString().slice(0, 10);

/** The mean time from a change to its object, out of the metrics. */
function lag(text: string): string {
  const value = (name: string) => Number(new RegExp(`^orilla_compras_archive_lag_seconds_${name} (\\S+)$`, "m").exec(text)?.[1] ?? 0);
  return value("count") ? `${(value("sum") / value("count")).toFixed(2)} s on average` : "nothing archived yet";
}

export function Report() {
  const [[desde, hasta], set] = useState<[string, string]>([day(30), day(0)]);
  const isOps = useRole("ops");
  const { data, error } = useLoad(() => call<{ filas: Sums[]; totales: Sums[]; pendientes: number; actualizado_al: string | null }>(`/compras/report${query({ desde, hasta })}`), `report ${desde} ${hasta}`, 30000);
  const metrics = useLoad(() => isOps ? call<string>("/metrics").then(lag) : Promise.resolve("takes the role ops"), `lag ${isOps}`, 30000);
  return (
    <Section title="Report" back={["#/purchases", "Purchases"]} actions={<>
      <label class="field inline">From <input type="date" value={desde} onChange={(event) => set([event.currentTarget.value, hasta])} /></label>
      <label class="field inline">To <input type="date" value={hasta} onChange={(event) => set([desde, event.currentTarget.value])} /></label>
    </>}>
      <Problem error={error} />
      <Facts of={[["Archive lag", metrics.data ?? "–"], ["Pending changes", data?.pendientes ?? "–"], ["Up to", <Time at={data?.actualizado_al} />]]} />
      {data && <Table label="Sums by day" rows={[...data.totales, ...data.filas]} id={(row) => `${row.dia ?? "total"} ${row.moneda}`} columns={[
        { head: "Day", cell: (row) => row.dia ?? <strong>Total</strong>, kind: "name" },
        { head: "Purchases", cell: (row) => row.compras, kind: "number" },
        { head: "Quantity", cell: (row) => row.cantidad, kind: "number" },
        { head: "Revenue", cell: (row) => `${row.ingresos} ${row.moneda}`, kind: "number" },
        { head: "Average", cell: (row) => row.ticket_promedio, kind: "number" },
      ]} />}
    </Section>
  );
}

interface Run { job_id: string; status: string; message: string; progress: number; mode?: string; mostradores_count: number; created_at?: string; databricks_run_url?: string | null; failed?: { step: string; code: string; reason: string } }
interface Results { s3_locations: { processed: { key: string; url: string }[] } }

export function Runs() {
  const { data, error, pager } = usePages((cursor) => call<{ jobs: Run[]; cursor?: string }>(`/ipp/jobs${query({ cursor })}`).then((page) => ({ items: page.jobs, cursor: page.cursor })), "runs", 5000);
  return (
    <Section title="Runs of ipp" actions={<a class="button" href="#/schedules">Schedule</a>}>
      <Problem error={error} />
      {data?.items.length === 0 && <Empty>No run was started.</Empty>}
      {data && data.items.length > 0 && <Table label="Runs" rows={data.items} id={(run) => run.job_id} columns={[
        { head: "Run", cell: (run) => <a href={`#/runs/${seg(run.job_id)}`}>{run.job_id}</a>, kind: "name" },
        { head: "Status", cell: (run) => <Badge of={run.status} /> },
        { head: "Progress", cell: (run) => <Bar percent={run.progress} label={`Progress of ${run.job_id}`} /> },
        { head: "Mode", cell: (run) => run.mode },
        { head: "Mostradores", cell: (run) => run.mostradores_count, kind: "number" },
        { head: "Created", cell: (run) => <Time at={run.created_at} /> },
      ]} />}
      {pager}
    </Section>
  );
}

export function RunView({ id }: { id: string }) {
  const run = useLoad(() => call<Run>(`/ipp/status/${seg(id)}`), `run ${id}`, 4000);
  const one = run.data;
  const results = useLoad(() => one?.status === "COMPLETED" ? call<Results>(`/ipp/results/${seg(id)}`) : Promise.resolve(null), `results ${id} ${one?.status}`);
  const { ask, dialog } = useConfirm(run.reload);
  return (
    <Section title={id} back={["#/runs", "Runs"]} actions={one && (
      <Act disabled={["COMPLETED", "FAILED"].includes(one.status)} kind="quiet-danger" onClick={() => ask({ title: `Cancel ${id}?`, text: "The run in Databricks is canceled.", action: "Cancel the run", danger: true, run: () => post(`/ipp/jobs/${seg(id)}/cancel`) })}>Cancel</Act>
    )}>
      <Problem error={run.error ?? results.error} />
      {one && <>
        <Bar percent={one.progress} label="Progress" />
        <Facts of={[["Status", <Badge of={one.status} />], ["Message", one.message], ["Mostradores", one.mostradores_count], ["Failure", one.failed ? `${one.failed.step}: ${one.failed.reason}` : "–"]]} />
      </>}
      {results.data && <>
        <h2>Files</h2>
        <ul>{results.data.s3_locations.processed.map((file) => <li key={file.key}><a href={file.url} rel="noreferrer">{file.key}</a></li>)}</ul>
      </>}
      {dialog}
    </Section>
  );
}
