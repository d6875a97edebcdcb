//! The lines of a body, one at a time, in a buffer that is wiped.

use futures::StreamExt as _;
use http_body_util::{BodyDataStream, BodyExt as _};
use kube::client::Body;
use zeroize::Zeroizing;

/// What the buffer keeps between lines; a longer line gets room for as long as it is there.
const ROOM: usize = 64 * 1024;

/// The lines of one body.
pub(super) struct Lines {
    body: BodyDataStream<Body>,
    buffer: Zeroizing<Vec<u8>>,
    /// Where the next line begins.
    begin: usize,
}

impl Lines {
    pub(super) fn of(body: Body) -> Self {
        Self { body: body.into_data_stream(), buffer: Zeroizing::new(Vec::with_capacity(ROOM)), begin: 0 }
    }

    /// The next line without its end; none when the body has ended. What follows the last line's end is no line.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub(super) async fn next(&mut self) -> Option<Result<&[u8], kube::Error>> {
        let mut scanned = self.begin;
        loop {
            if let Some(length) = self.buffer[scanned..].iter().position(|byte| *byte == b'\n') {
                let line = self.begin..scanned + length;
                self.begin = line.end + 1;
                return Some(Ok(&self.buffer[line]));
            }
            scanned = self.buffer.len() - self.begin;
            match self.body.next().await? {
                Ok(chunk) => self.append(&chunk),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Drops the lines that were read and adds `chunk`, in a new buffer where this one has not the size for it, so that the
    /// old one is wiped.
    fn append(&mut self, chunk: &[u8]) {
        self.buffer.drain(..self.begin);
        self.begin = 0;
        let needed = self.buffer.len() + chunk.len();
        let room = ROOM.max(needed.next_power_of_two());
        if needed > self.buffer.capacity() || (room == ROOM && self.buffer.capacity() > ROOM) {
            let mut larger = Zeroizing::new(Vec::with_capacity(room));
            larger.extend_from_slice(&self.buffer);
            self.buffer = larger;
        }
        self.buffer.extend_from_slice(chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Builder;

    fn block_on<F: Future>(future: F) -> F::Output {
        Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn read(body: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Lines::of(Body::from(body.to_vec()));
        block_on(async {
            let mut all = Vec::new();
            while let Some(line) = lines.next().await {
                all.push(line.unwrap().to_vec());
            }
            all
        })
    }

    #[test]
    fn lines_come_one_by_one_and_an_unfinished_one_does_not() {
        assert_eq!(read(b"a\n\nbc\nrest"), [b"a".to_vec(), b"".to_vec(), b"bc".to_vec()]);
    }

    #[test]
    fn room_for_a_long_line_is_given_back() {
        let mut lines = Lines::of(Body::empty());
        lines.append(&vec![b'x'; 300_000]);
        lines.append(b"\n");
        assert!(lines.buffer.capacity() > ROOM);
        assert_eq!(block_on(lines.next()).unwrap().unwrap().len(), 300_000);
        lines.append(b"y\n");
        assert_eq!(lines.buffer.capacity(), ROOM);
        assert_eq!(block_on(lines.next()).unwrap().unwrap(), b"y");
    }
}
