//! The limits on resources that clients share: beyond a limit, a client is refused as
//! `--help` says, and others are served meanwhile.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{CLOSE, Project, assert_error, get, probe_manifest, said, sent};
use futures::future::join_all;
use h2::client::{Connection, ResponseFuture, SendRequest};
use orilla::{Limits, RunningApp, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The probe, started with these limits.
async fn limited(limits: Limits) -> (Project, RunningApp) {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let mut options = project.options();
    options.limits = limits;
    let app = start(options).await.unwrap();
    (project, app)
}

/// Sends a request on a connection that stays open, and reads the head of its answer.
async fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A connection whose guest echoes a body of this length. Its first byte was echoed.
async fn echoing(app: &RunningApp, length: usize) -> TcpStream {
    let mut stream = sent(app, "").await;
    let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\nx");
    let answer = ask(&mut stream, &head).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // The size of the first chunk, and the chunk.
    let mut first = [0; 6];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"1\r\nx\r\n");
    stream
}

/// Waits until something happens; gives up after 20 s.
async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    let happened = tokio::time::timeout(Duration::from_secs(20), happens).await;
    happened.unwrap_or_else(|_| panic!("never: {what}"))
}

const PING: &str = "GET /quiet HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_connection_past_the_last_waits_for_the_end_of_another() {
    let (_project, app) = limited(Limits {
        max_connections: 2,
        ..Limits::default()
    })
    .await;
    let mut first = sent(&app, "").await;
    let mut second = sent(&app, "").await;
    for stream in [&mut first, &mut second] {
        assert!(ask(stream, PING).await.starts_with("HTTP/1.1 200 "));
    }
    let mut third = sent(&app, PING).await;
    // Those that are open are served, however long it waits.
    for _ in 0..20 {
        let answers = tokio::join!(ask(&mut first, PING), ask(&mut second, PING));
        assert!(answers.0.starts_with("HTTP/1.1 200 ") && answers.1.starts_with("HTTP/1.1 200 "));
    }
    let early = third.try_read(&mut [0]).unwrap_err();
    assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    let answer = soon("the third is accepted", ask(&mut third, "")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "));
    assert!(ask(&mut second, PING).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_body_without_room_is_refused_and_small_ones_need_none() {
    let (_project, app) = limited(Limits {
        max_body_memory: 1,
        body_timeout: Duration::from_secs(60),
        ..Limits::default()
    })
    .await;
    let large = echoing(&app, 1 << 20).await;
    let post = |length: usize| {
        let head = format!("POST /body HTTP/1.1\r\n{CLOSE}content-length: {length}\r\n\r\n");
        [head.as_bytes(), &vec![b'x'; length]].concat()
    };
    let refused = async { said(sent(&app, post(65 << 10)).await).await };
    let small = async { said(sent(&app, post(64 << 10)).await).await };
    let (refused, small, none) = tokio::join!(refused, small, get(&app, "/"));
    assert_error(&refused, "503", "busy");
    assert!(refused.contains("retry-after: 1"), "{refused}");
    assert!(small.starts_with("HTTP/1.1 200 "), "{small}");
    assert_eq!(none.status(), 200);
    // The end of a request gives its room to the next.
    drop(large);
    let next = said(sent(&app, post(65 << 10)).await).await;
    assert!(next.starts_with("HTTP/1.1 200 "), "{next}");
}

#[tokio::test]
async fn an_instance_without_memory_is_answered_for_and_others_keep_theirs() {
    let (_project, app) = limited(Limits {
        // Two instances of the probe, whose memories begin with half a MiB.
        max_total_memory: 1,
        body_timeout: Duration::from_secs(60),
        ..Limits::default()
    })
    .await;
    let mut first = echoing(&app, 2).await;
    assert_eq!(get(&app, "/").await.status(), 200);
    let second = echoing(&app, 2).await;
    let request = format!("GET / HTTP/1.1\r\n{CLOSE}\r\n");
    let refused = said(sent(&app, &request).await).await;
    assert_error(&refused, "503", "busy");
    assert!(refused.contains("retry-after: 1"), "{refused}");
    // One that has memory goes on, and leaves it to the next.
    first.write_all(b"y").await.unwrap();
    let mut last = [0; 11];
    first.read_exact(&mut last).await.unwrap();
    assert_eq!(&last, b"1\r\ny\r\n0\r\n\r\n");
    drop(first);
    let served = async {
        while !said(sent(&app, &request).await)
            .await
            .starts_with("HTTP/1.1 200 ")
        {}
    };
    soon("there is memory again", served).await;
    drop(second);
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_left() {
    let (_project, app) = limited(Limits {
        write_timeout: Duration::from_millis(300),
        body_timeout: Duration::from_secs(60),
        ..Limits::default()
    })
    .await;
    let endless = usize::MAX >> 1;
    let mut stream = echoing(&app, endless).await;
    let left = async {
        // Fills the buffers of the sockets. The write ends when the host closes the
        // connection.
        while stream.write_all(&[b'x'; 1 << 16]).await.is_ok() {}
    };
    let ((), other) = tokio::join!(soon("the client is left", left), get(&app, "/"));
    assert_eq!(other.status(), 200);
    assert_eq!(get(&app, "/").await.status(), 200);
}

/// A connection of HTTP/2. It believes that a server allows 150 requests at once until
/// the server says how many.
async fn http2(
    app: &RunningApp,
) -> (
    SendRequest<&'static [u8]>,
    Connection<TcpStream, &'static [u8]>,
) {
    h2::client::Builder::new()
        .initial_max_send_streams(150)
        .handshake(sent(app, "").await)
        .await
        .unwrap()
}

/// Begins a request whose body never comes.
fn begin(
    client: &mut SendRequest<&'static [u8]>,
    app: &RunningApp,
    field: &str,
) -> (ResponseFuture, h2::SendStream<&'static [u8]>) {
    let request = http::Request::post(format!("http://{}/body", app.address()))
        .header("field", field)
        .body(())
        .unwrap();
    client.send_request(request, false).unwrap()
}

#[tokio::test]
async fn a_connection_has_a_hundred_requests_at_once() {
    let (_project, app) = limited(Limits {
        body_timeout: Duration::from_secs(60),
        ..Limits::default()
    })
    .await;
    let (mut client, connection) = http2(&app).await;
    let (answers, mut bodies): (Vec<_>, Vec<_>) =
        (0..120).map(|_| begin(&mut client, &app, "")).unzip();
    tokio::spawn(connection);
    let mut answers = answers.into_iter();
    let allowed: Vec<_> = answers.by_ref().take(100).collect();
    for refused in join_all(answers).await {
        let error = refused.unwrap_err();
        assert_eq!(error.reason(), Some(h2::Reason::REFUSED_STREAM), "{error}");
    }
    assert_eq!(client.current_max_send_streams(), 100);
    assert_eq!(get(&app, "/").await.status(), 200);
    for body in &mut bodies[..100] {
        body.send_data(b"", true).unwrap();
    }
    for answer in join_all(allowed).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn headers_that_are_too_long_are_refused_on_their_own_stream() {
    let (_project, app) = limited(Limits::default()).await;
    let (mut client, connection) = http2(&app).await;
    let (long, _body) = begin(&mut client, &app, &"x".repeat(20_000));
    let (short, mut body) = begin(&mut client, &app, "x");
    body.send_data(b"", true).unwrap();
    tokio::spawn(connection);
    let (long, short) = tokio::join!(long, short);
    assert_eq!(long.unwrap().status(), 431);
    assert_eq!(short.unwrap().status(), 200);
}

#[tokio::test]
async fn a_body_on_http2_that_stalls_ends_its_own_stream() {
    let (_project, app) = limited(Limits {
        body_timeout: Duration::from_secs(1),
        ..Limits::default()
    })
    .await;
    let (mut client, connection) = http2(&app).await;
    tokio::spawn(connection);
    let (stalled, _body) = begin(&mut client, &app, "");
    assert_eq!(stalled.await.unwrap().status(), 408);
    let (next, mut body) = begin(&mut client, &app, "");
    body.send_data(b"", true).unwrap();
    assert_eq!(next.await.unwrap().status(), 200);
}

/// The program, which ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `orilla` after a shell has set its limits of open files; returns its address.
fn up(project: &Project, ulimit: &str) -> (Program, String) {
    let script = format!("{ulimit}; exec \"$0\" up --listen 127.0.0.1:0 -f \"$1\"");
    let errors = std::fs::File::create(project.path("errors")).unwrap();
    let mut program = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_orilla")])
        .arg(project.path("spin.toml"))
        .env_remove("RUST_LOG")
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()
        .map(Program)
        .unwrap();
    let mut lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
    let address = lines
        .find_map(|line| Some(line.unwrap().strip_prefix("Serving http://")?.to_owned()))
        .unwrap();
    // The rest of its output needs a reader, too: otherwise its pipe fills.
    std::thread::spawn(move || lines.for_each(drop));
    (program, address)
}

#[tokio::test]
async fn the_soft_limit_of_open_files_is_raised() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let (program, _) = up(&project, "ulimit -Sn 200");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.0.id())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let columns: Vec<_> = files.unwrap().split_whitespace().collect();
    assert_eq!(columns[3], columns[4], "{limits}");
}

#[tokio::test]
async fn too_few_open_files_make_fewer_connections_and_not_errors() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let (_program, address) = up(&project, "ulimit -n 256");
    // 128 files are for others, and each connection may need two.
    let mut open = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        assert!(ask(&mut stream, PING).await.starts_with("HTTP/1.1 200 "));
        open.push(stream);
    }
    let mut next = TcpStream::connect(&address).await.unwrap();
    next.write_all(PING.as_bytes()).await.unwrap();
    for stream in &mut open {
        assert!(ask(stream, PING).await.starts_with("HTTP/1.1 200 "));
    }
    let early = next.try_read(&mut [0]).unwrap_err();
    assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);
    open.pop();
    let answer = soon("the next is accepted", ask(&mut next, "")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "));
    let errors = std::fs::read_to_string(project.path("errors")).unwrap();
    assert!(
        errors.contains("256 open files allow 64 connections instead of 2048"),
        "{errors}"
    );
    assert!(!errors.contains("can't accept"), "{errors}");
}
