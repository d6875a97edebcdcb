//! Follows one collection of the API server: an initial list, then every change, for ever.
//!
//! Written on the raw stream and not on a typed watcher, for two reasons. Memory: a typed watcher decodes each object's
//! whole metadata and holds a page or a list of them, while here one line is in memory at a time and only what the reader
//! keeps stays. Leniency: a line is handed on as octets, so no object, however malformed, can break the watch of the others.
//! The lines' buffers are wiped, since the metadata of foreign Secrets carries plaintext in
//! `kubectl.kubernetes.io/last-applied-configuration`.
//!
//! Initial lists are streamed (WatchList, KEP-3157) where the server has them and come in pages otherwise. A server ends a
//! stream when more changes in the meantime than its queue for it holds; what broke off comes in pages next.

mod frame;
mod items;
mod lines;

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt as _;
use http::Request;
use http::header::ACCEPT;
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use tokio::time::{Instant, sleep, timeout};

use frame::Frame;
use items::{Items, ListMetadata};
use lines::Lines;

/// What is followed.
#[derive(Debug, Clone)]
pub struct Source {
    /// The collection, such as `/api/v1/secrets` or `/api/v1/namespaces/prod/secrets`.
    pub path: String,
    /// As in `labelSelector`.
    pub label_selector: Option<String>,
    /// As in `fieldSelector`.
    pub field_selector: Option<String>,
    /// How much of each object is asked for.
    pub accept: Accept,
}

/// How much of each object the API server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// All of it.
    Full,
    /// `PartialObjectMetadata`: no data ever crosses the wire.
    Metadata,
}

/// One step of a collection's life. Objects are the octets of one JSON object.
#[derive(Debug)]
pub enum Event<'l> {
    /// A new initial list begins: what it does not name is gone.
    Started,
    /// The object is there.
    Present {
        /// The object.
        object: &'l [u8],
        /// Whether it came with the initial list.
        initial: bool,
    },
    /// The object is gone; as it last was, with the resourceVersion of its deletion.
    Gone {
        /// The object.
        object: &'l [u8],
    },
    /// The initial list is whole.
    Synced {
        /// The collection's resourceVersion.
        resource_version: u64,
    },
    /// The server took the request; what it brings follows. What was lost is so no longer.
    Answered,
    /// It can be neither listed nor watched now; it is tried again.
    Lost {
        /// A label for metrics.
        category: &'static str,
    },
}

/// The category of what the server does not serve: there is no such kind.
pub const NOT_SERVED: &str = "not-served";
/// The longest that the server holds one watch open; it ends earlier when the server says so.
const WATCH_SECONDS: u64 = 290;
/// Bookmarks come about once a minute: a connection that is silent for longer is dead.
const SILENCE: Duration = Duration::from_secs(150);
/// Objects in one page, where lists are not streamed.
const PAGE: u32 = 100;
/// What a list of metadata alone is called.
const LIST: &str = "PartialObjectMetadataList";
/// A watch that brings nothing and ends sooner has failed.
const SHORT: Duration = Duration::from_secs(1);
/// The longest pause between two attempts.
const PAUSE: Duration = Duration::from_secs(5);

/// Follows `source` and hands every event to `sink`, which must not block.
pub async fn follow(client: Client, source: Source, sink: impl FnMut(Event<'_>) + Send) -> Infallible {
    let mut follower = Follower { client, source, sink, at: None, streams: true, broke_off: false, in_doubt: false };
    let mut failures = 0;
    loop {
        let (before, began) = (follower.at.clone(), Instant::now());
        let failed = match follower.turn().await {
            // A server that ends every watch at once is not asked as quickly.
            Ok(()) if follower.at == before && began.elapsed() < SHORT => Some("short"),
            Ok(()) => None,
            Err(End::Expired) => {
                follower.at = None;
                continue;
            }
            Err(End::Unsupported) => {
                follower.streams = false;
                continue;
            }
            Err(End::Failed(category)) => Some(category),
        };
        if let Some(category) = failed {
            // What ended after it brought something is not a failure yet.
            failures = if follower.at == before { failures + 1 } else { 1 };
            follower.in_doubt = true;
            (follower.sink)(Event::Lost { category });
            sleep(pause(failures)).await;
        } else {
            failures = 0;
        }
    }
}

/// Doubles from 50 ms.
fn pause(failures: u32) -> Duration {
    PAUSE.min(Duration::from_millis(25) * 2_u32.saturating_pow(failures.min(10)))
}

/// Why a request ended.
#[derive(Debug)]
enum End {
    /// What we would go on from is no longer, or not yet, known: list again.
    Expired,
    /// The server does not stream lists.
    Unsupported,
    /// Anything else, by category.
    Failed(&'static str),
}

struct Follower<S> {
    client: Client,
    source: Source,
    sink: S,
    /// The resourceVersion to go on from; none before a whole initial list.
    at: Option<String>,
    /// Whether initial lists are asked for as a stream.
    streams: bool,
    /// The last stream ended before its list was whole.
    broke_off: bool,
    /// Something failed, so that the server may have another store than before.
    in_doubt: bool,
}

impl<S: FnMut(Event<'_>) + Send> Follower<S> {
    async fn turn(&mut self) -> Result<(), End> {
        match self.at.clone() {
            Some(at) => {
                if self.in_doubt {
                    self.reached(&at).await?;
                    self.in_doubt = false;
                }
                self.watch(&[("resourceVersion", &at)], false).await
            }
            None if self.streams && !self.broke_off => {
                (self.sink)(Event::Started);
                self.watch(&[("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan")], true).await
            }
            None => {
                (self.sink)(Event::Started);
                self.list().await
            }
        }
    }

    /// One watch request, until it ends. `initial`: it begins with the whole list.
    async fn watch(&mut self, query: &[(&str, &str)], mut initial: bool) -> Result<(), End> {
        let seconds = WATCH_SECONDS.to_string();
        let mut all = vec![("watch", "true"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", &seconds)];
        all.extend_from_slice(query);
        let body = match self.request(self.source.accept, "PartialObjectMetadata", &all).await {
            // A server without the feature refuses its parameters as invalid.
            Err(Refused::Code(400 | 422)) if initial => return Err(End::Unsupported),
            other => other?,
        };
        (self.sink)(Event::Answered);
        self.broke_off = initial;
        let mut lines = Lines::of(body);
        while let Some(line) = timeout(SILENCE, lines.next()).await.map_err(|_| End::Failed("silent"))? {
            let line = line.map_err(|_| End::Failed("broken"))?;
            match Frame::read(line).ok_or(End::Failed("unreadable"))? {
                Frame::Present { object, resource_version } => {
                    (self.sink)(Event::Present { object, initial });
                    self.advance(initial, resource_version);
                }
                Frame::Gone { object, resource_version } => {
                    (self.sink)(Event::Gone { object });
                    self.advance(initial, resource_version);
                }
                Frame::Bookmark { resource_version, ends_initial } => {
                    if initial && ends_initial {
                        (initial, self.broke_off) = (false, false);
                        (self.sink)(Event::Synced { resource_version: number(&resource_version) });
                    }
                    self.advance(initial, resource_version);
                }
                Frame::Error { code: 410 | 504 } => return Err(End::Expired),
                Frame::Error { code } => return Err(End::Failed(category(code))),
            }
        }
        // A watch that ends before its list is whole is begun anew.
        if initial { Err(End::Failed("broken")) } else { Ok(()) }
    }

    /// The initial list in pages; each is read item by item.
    async fn list(&mut self) -> Result<(), End> {
        let limit = PAGE.to_string();
        let mut token = String::new();
        loop {
            let mut query = vec![("limit", limit.as_str())];
            if !token.is_empty() {
                query.push(("continue", &token));
            }
            let body = self.request(self.source.accept, LIST, &query).await?;
            (self.sink)(Event::Answered);
            let metadata = page(body, |object| (self.sink)(Event::Present { object, initial: true })).await?;
            if metadata.continue_token.is_empty() {
                (self.sink)(Event::Synced { resource_version: number(&metadata.resource_version) });
                self.at = Some(metadata.resource_version);
                self.broke_off = false;
                return Ok(());
            }
            token = metadata.continue_token;
        }
    }

    /// That the server has come to where we go on from. A store that was restored from a backup has not, and a watch from a
    /// future resourceVersion brings nothing, without a word, until that number is reached.
    async fn reached(&self, at: &str) -> Result<(), End> {
        let metadata = page(self.request(Accept::Metadata, LIST, &[("limit", "1")]).await?, |_| ()).await?;
        if number(&metadata.resource_version) < number(at) { Err(End::Expired) } else { Ok(()) }
    }

    /// Within an initial list there is nothing to go on from: its objects come in the order of their names.
    fn advance(&mut self, initial: bool, resource_version: String) {
        if !initial {
            self.at = Some(resource_version);
        }
    }

    async fn request(&self, accept: Accept, partial: &str, query: &[(&str, &str)]) -> Result<Body, Refused> {
        let accept = match accept {
            Accept::Full => "application/json".to_owned(),
            Accept::Metadata => format!("application/json;as={partial};g=meta.k8s.io;v=v1"),
        };
        let selectors =
            [("labelSelector", &self.source.label_selector), ("fieldSelector", &self.source.field_selector)];
        let selectors = selectors.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let query: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query.iter().copied().chain(selectors))
            .finish();
        let request = Request::get(format!("{}?{query}", self.source.path)).header(ACCEPT, accept);
        let request = request.body(Body::empty()).map_err(|_| Refused::Failed("invalid"))?;
        let answer = timeout(SILENCE, self.client.send(request)).await;
        let answer = answer.map_err(|_| Refused::Failed("silent"))?.map_err(|_| Refused::Failed("unreachable"))?;
        let code = answer.status().as_u16();
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        Err(Refused::Code(code))
    }
}

/// Reads a page of a list item by item, and returns the list's own metadata.
async fn page(body: Body, mut item: impl FnMut(&[u8])) -> Result<ListMetadata, End> {
    let mut body = pin!(body.into_data_stream());
    let mut items = Items::default();
    while let Some(chunk) = timeout(SILENCE, body.next()).await.map_err(|_| End::Failed("silent"))? {
        let chunk = chunk.map_err(|_| End::Failed("broken"))?;
        items.feed(&chunk, &mut item);
    }
    items.finish().ok_or(End::Failed("unreadable"))
}

/// Why a request brought no body.
#[derive(Debug)]
enum Refused {
    /// The server refused it.
    Code(u16),
    /// It brought no answer, by category.
    Failed(&'static str),
}

impl From<Refused> for End {
    fn from(refused: Refused) -> Self {
        match refused {
            // 504 is "Too large resource version": what we knew is from a future that was undone.
            Refused::Code(410 | 504) => Self::Expired,
            Refused::Code(code) => Self::Failed(category(code)),
            Refused::Failed(category) => Self::Failed(category),
        }
    }
}

fn category(code: u16) -> &'static str {
    match code {
        401 => "unauthorized",
        403 => "forbidden",
        404 => NOT_SERVED,
        429 => "throttled",
        500.. => "server",
        _ => "refused",
    }
}

/// A resourceVersion as the number that it is (KEP-5504); 0 where it is none.
fn number(resource_version: &str) -> u64 {
    resource_version.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests;
