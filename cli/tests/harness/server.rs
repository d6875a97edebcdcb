//! An API server that has a few answers, and remembers what it was asked.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::panic, reason = "this is test code, outside of a function that says so")]

use std::{
    fmt::Display,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// A server on 127.0.0.1, gone when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<State>,
}

/// What is answered to a request, if it is one of those that it knows: code and body.
type Rule = Box<dyn FnMut(&Seen) -> Option<(u16, String)> + Send>;

#[derive(Default)]
struct State {
    rule: Mutex<Option<Rule>>,
    answers: Mutex<Vec<Answer>>,
    seen: Mutex<Vec<Seen>>,
    is_over: AtomicBool,
}

/// What is answered at a path, query included.
#[derive(Clone)]
struct Answer {
    /// `/path?query` for any method, `PATCH /path?query` for one; that comes first.
    path: String,
    /// HTTP's, or [`NONE`], or [`TOO_LARGE`].
    code: u16,
    headers: String,
    body: String,
    /// How often; then the next one of the same path is.
    times: usize,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `GET /path?query`.
    pub(crate) line: String,
    /// Its headers, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// What was sent along.
    pub(crate) body: String,
}

impl Seen {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// No answer: the connection is closed.
const NONE: u16 = 0;
/// An answer whose length is announced and that does not come.
const TOO_LARGE: u16 = 1;

impl Server {
    /// A server that knows nothing yet.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.is_over.load(Ordering::SeqCst) {
                    break;
                }
                let state = Arc::clone(&shared);
                thread::spawn(move || serve(&stream, &state));
            }
        });
        Self { address, state }
    }

    /// Answers 200 with this body.
    pub(crate) fn has(&self, path: &str, body: impl Display) -> &Self {
        self.says(path, 200, body)
    }

    /// Answers so.
    pub(crate) fn says(&self, path: &str, code: u16, body: impl Display) -> &Self {
        self.says_with(path, code, "", &body.to_string(), usize::MAX)
    }

    /// Answers so a few times, with more headers, each with its line end.
    pub(crate) fn says_with(&self, path: &str, code: u16, headers: &str, body: &str, times: usize) -> &Self {
        let (path, headers, body) = (path.to_owned(), headers.to_owned(), body.to_owned());
        let answer = Answer { path, code, headers, body, times };
        self.state.answers.lock().expect("the answers").push(answer);
        self
    }

    /// Answers by what it is asked, before all that it was told to answer.
    pub(crate) fn decides(&self, rule: impl FnMut(&Seen) -> Option<(u16, String)> + Send + 'static) -> &Self {
        *self.state.rule.lock().expect("the rule") = Some(Box::new(rule));
        self
    }

    /// Hangs up instead of an answer, a few times.
    pub(crate) fn hangs_up(&self, path: &str, times: usize) -> &Self {
        self.says_with(path, NONE, "", "", times)
    }

    /// Announces more than anyone takes.
    pub(crate) fn is_too_large(&self, path: &str) -> &Self {
        self.says(path, TOO_LARGE, "")
    }

    /// Forgets a path.
    pub(crate) fn forgets(&self, path: &str) -> &Self {
        self.state.answers.lock().expect("the answers").retain(|answer| answer.path != path);
        self
    }

    /// What it was asked, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().expect("the requests").clone()
    }

    /// What it was asked with a method and a body.
    pub(crate) fn writes(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| !seen.line.starts_with("GET ")).collect()
    }

    /// The request lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    /// `http://127.0.0.1:…`
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A kubeconfig whose current context is `here`, of this server, with this user.
    pub(crate) fn kubeconfig(&self, user: &str) -> String {
        kubeconfig(&self.url(), "", user)
    }
}

/// A kubeconfig whose current context is `here`.
pub(crate) fn kubeconfig(url: &str, cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
         contexts: [{{name: here, context: {{cluster: c, user: u, namespace: shop}}}}]\n\
         clusters: [{{name: c, cluster: {{server: \"{url}\"{cluster}}}}}]\n\
         users: [{{name: u, user: {{{user}}}}}]\n"
    )
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        // Wakes who waits for connections.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, state: &State) {
    let mut reader = BufReader::new(stream);
    while let Some(seen) = request(&mut reader) {
        let line = seen.line.clone();
        let is_tunnel = line.starts_with("CONNECT ");
        let decided = state.rule.lock().expect("the rule").as_mut().and_then(|rule| rule(&seen));
        state.seen.lock().expect("the requests").push(seen);
        let answer = match decided {
            _ if is_tunnel => Some("HTTP/1.1 200 OK\r\n\r\n".to_owned()),
            Some((code, body)) => Some(http(code, "", &body)),
            None => state.answer(&line),
        };
        let Some(answer) = answer else {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        };
        let mut writer = stream;
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The next request; `None` at the end.
fn request(reader: &mut BufReader<&TcpStream>) -> Option<Seen> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let line = lines.next()?;
    let line = line.trim_end_matches(" HTTP/1.1").to_owned();
    let pair = |line: String| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let mut seen = Seen { line, headers: lines.filter_map(pair).collect(), body: String::new() };
    let length = seen.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_string(&mut seen.body).ok()?;
    Some(seen)
}

impl State {
    fn answer(&self, line: &str) -> Option<String> {
        let path = line.split(' ').nth(1).unwrap_or_default();
        let mut answers = self.answers.lock().expect("the answers");
        let found = [line, path].into_iter().find_map(|it| answers.iter().position(|answer| answer.is_at(it)));
        let (code, headers, body) = match found.map(|index| &mut answers[index]) {
            Some(answer) => {
                answer.times -= 1;
                if answer.code == NONE {
                    return None;
                }
                if answer.code == TOO_LARGE {
                    return Some("HTTP/1.1 200 it\r\ncontent-length: 300000000\r\n\r\n".to_owned());
                }
                (answer.code, answer.headers.clone(), answer.body.clone())
            }
            None => (404, String::new(), status(404, "NotFound", "not found").to_string()),
        };
        Some(http(code, &headers, &body))
    }
}

impl Answer {
    fn is_at(&self, path: &str) -> bool {
        self.path == path && self.times > 0
    }
}

fn http(code: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {code} it\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

/// A no as an API server says it.
pub(crate) fn status(code: u16, reason: &str, message: &str) -> serde_json::Value {
    serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message,
    })
}
