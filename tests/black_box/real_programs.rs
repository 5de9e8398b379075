//! Real programs end under the init as they do without it: in their own time, with their own code.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Container, LIMIT, Run, Scratch, require, require_root};

/// How much longer than without the init a shutdown may take, on a machine that is not idle.
const SLACK: Duration = Duration::from_secs(5);

/// A way to start a program: by the init as PID 1 with these options, or without any init.
type Way = fn(&[String]) -> Container;

/// Under the init, and alone.
const WAYS: [Way; 3] = [
    |command| Container::as_pid_1().program(command),
    |command| Container::as_pid_1().options(["-c"]).program(command),
    // By the same search of PATH.
    |command| Container::as_subreaper().init("/usr/bin/env").arguments(command),
];

/// Starts the command each way in a directory of its own, uses it for a moment, stops it with TERM,
/// and requires that the code is the same and that nobody is left.
#[track_caller]
fn expect_same_end(prepare: impl Fn(&Scratch) -> Vec<String>, serve: impl Fn(&mut Run, &Scratch), code: i32) {
    let mut times = Vec::new();
    for way in WAYS {
        let scratch = Scratch::new();
        let command = prepare(&scratch);
        let mut run = way(&command).env("HOME", scratch.path()).start();
        serve(&mut run, &scratch);
        let begun = Instant::now();
        run.signal(libc::SIGTERM);
        let outcome = run.wait(LIMIT).expect_code(code);
        times.push(begun.elapsed());
        assert!(!outcome.stderr.contains("tini-rs"), "the init is silent: {outcome:#?}");
        run.wait_until("nobody is left", |run| run.started_processes().is_empty());
    }
    println!("ended after {times:?}, at last without an init");
    let own = times.pop().expect("the way without an init");
    assert!(times.iter().all(|time| *time < own + SLACK), "{times:?}, without an init {own:?}");
}

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).collect()
}

/// Connects as soon as somebody listens, says something and reads the answer to its end.
#[track_caller]
fn ask(run: &mut Run, socket: &Path, request: &str, enough: &str) -> String {
    let mut stream = None;
    run.wait_until("it listens", |_| {
        stream = UnixStream::connect(socket).ok();
        stream.is_some()
    });
    let mut stream = stream.expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    stream.write_all(request.as_bytes()).expect("it takes the request");
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains(enough) {
        let mut piece = [0; 4096];
        let size = stream.read(&mut piece).expect("it answers");
        assert_ne!(size, 0, "{:?} ends without {enough:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..size]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn nginx_with_its_workers() {
    require_root!();
    require!("nginx");
    let prepare = |scratch: &Scratch| {
        let here = scratch.path().display();
        let config = format!(
            "daemon off; worker_processes 3; error_log stderr; pid {here}/pid;
             events {{ worker_connections 64; }}
             http {{
                 access_log off;
                 client_body_temp_path {here}/1; proxy_temp_path {here}/2;
                 fastcgi_temp_path {here}/3; uwsgi_temp_path {here}/4; scgi_temp_path {here}/5;
                 server {{ listen unix:{here}/socket; location / {{ return 200 'served'; }} }}
             }}"
        );
        let config = scratch.file("nginx.conf", config, 0o644);
        words(&["nginx", "-e", "stderr", "-c", &config.display().to_string()])
    };
    let serve = |run: &mut Run, scratch: &Scratch| {
        let request = "GET / HTTP/1.0\r\nHost: here\r\n\r\n";
        let answer = ask(run, &scratch.join("socket"), request, "served");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        run.wait_until("all workers are there", |run| run.processes().len() >= 3);
    };
    expect_same_end(prepare, serve, 0);
}

#[test]
fn redis_server() {
    require_root!();
    require!("redis-server");
    let prepare = |scratch: &Scratch| {
        let (here, socket) = (scratch.path(), scratch.join("socket"));
        let (here, socket) = (here.display().to_string(), socket.display().to_string());
        words(&["redis-server", "--port", "0", "--unixsocket", &socket, "--dir", &here])
    };
    let serve = |run: &mut Run, scratch: &Scratch| {
        ask(run, &scratch.join("socket"), "PING\r\n", "+PONG\r\n");
        ask(run, &scratch.join("socket"), "SET key value\r\n", "+OK\r\n");
        ask(run, &scratch.join("socket"), "GET key\r\n", "value");
    };
    expect_same_end(prepare, serve, 0);
}

/// A script in a file of its own, run by this interpreter.
fn script(interpreter: &str, scratch: &Scratch, text: &str) -> Vec<String> {
    let file = scratch.file("script", text, 0o644);
    words(&[interpreter, &file.display().to_string()])
}

#[test]
fn bash_with_background_jobs_and_a_trap() {
    require_root!();
    require!("bash");
    const SCRIPT: &str = "
        trap 'kill %1 %2 2>/dev/null; wait; echo trapped; exit 42' TERM
        sleep 1000 &
        (trap 'sleep 0.2; echo job; exit 3' TERM; echo ready; while :; do sleep 0.1; done) &
        echo ready
        while :; do wait -n; done
    ";
    let serve = |run: &mut Run, _: &Scratch| {
        run.wait_for_lines("ready", 2);
    };
    expect_same_end(|scratch| script("bash", scratch, SCRIPT), serve, 42);
}

#[test]
fn python_with_multiprocessing() {
    require_root!();
    require!("python3");
    const SCRIPT: &str = "
import multiprocessing, signal, sys, time

def work(requests, answers):
    for number in iter(requests.get, None):
        answers.put(number * number)

if __name__ == '__main__':
    requests, answers = multiprocessing.Queue(), multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(requests, answers), daemon=True)
               for _ in range(3)]
    for worker in workers:
        worker.start()
    for number in range(100):
        requests.put(number)
    total = sum(answers.get() for _ in range(100))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
    print('total', total, flush=True)
    while True:
        time.sleep(0.05)  # a signal just before a sleep does not shorten it
";
    let serve = |run: &mut Run, _: &Scratch| {
        run.wait_for_line("total 328350");
    };
    expect_same_end(|scratch| script("python3", scratch, SCRIPT), serve, 5);
}
