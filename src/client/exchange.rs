//! Reads one answer, of which the head has arrived.

use std::io::{self, BufReader, Read};
use std::marker::PhantomData;
use std::ops::ControlFlow;

use serde::de::{DeserializeOwned, DeserializeSeed};
use ureq::Body;
use ureq::http::Response;

use super::elements::{Trouble, each_element};
use super::failure::{Answer, Cause, Failure, cause, error_message};
use super::surrogates::Mended;

/// The largest answer that is read of a route whose answers can be of any size. A conversation can
/// be a few hundred megabytes; anything larger is a fault.
pub(super) const LARGEST_ANSWER: u64 = 1 << 30;
/// The largest answer that is read of other routes. The list of all models has some megabytes, and
/// a permission request can contain the file that is to be written.
const LARGE_ANSWER: u64 = 64 << 20;
/// The largest answer that is read where a few lines are expected.
const SMALL_ANSWER: u64 = 1 << 20;
/// How much of an answer is read at once.
const BUFFER: usize = 32 * 1024;
/// How much of an error's body is searched for its message.
const LARGEST_ERROR: u64 = 64 * 1024;

/// A request whose answer's head has arrived.
pub(super) struct Exchange {
    pub(super) request: String,
    pub(super) response: Response<Body>,
    /// How many bytes of the answer are read.
    largest: u64,
}

impl Exchange {
    pub(super) fn new(request: String, response: Response<Body>) -> Exchange {
        Exchange { request, response, largest: LARGE_ANSWER }
    }

    /// An answer of a few lines.
    pub(super) fn small(mut self) -> Exchange {
        self.largest = SMALL_ANSWER;
        self
    }

    /// An answer that may have any size.
    pub(super) fn of_any_size(self) -> Exchange {
        self.of_size(LARGEST_ANSWER)
    }

    /// An answer of at most so many bytes.
    pub(super) fn of_size(mut self, largest: u64) -> Exchange {
        self.largest = largest;
        self
    }

    /// Reads a small answer of which nothing is wanted, so that its connection can be used again.
    pub(super) fn skip(&mut self) {
        let reader = self.response.body_mut().with_config().limit(SMALL_ANSWER).reader();
        let _ = io::copy(&mut { reader }, &mut io::sink());
    }

    pub(super) fn mime(&self) -> Option<&str> {
        self.response.headers().get("content-type")?.to_str().ok()
    }

    fn fail(&self, cause: Cause) -> Failure {
        Failure { request: self.request.clone(), cause }
    }

    pub(super) fn alien(&self, what: &str) -> Failure {
        self.fail(Cause::Alien(what.into()))
    }

    /// The answer, unless its status says that it is none.
    pub(super) fn checked(mut self) -> Answer<Exchange> {
        match self.response.status().as_u16() {
            401 => Err(self.fail(Cause::Unauthorized)),
            status @ 300.. => {
                let message = self.complaint();
                Err(self.fail(Cause::Status(status, message)))
            }
            _ => Ok(self),
        }
    }

    /// The whole answer. It is decoded while it is read, so that a large one is never in memory as
    /// text.
    pub(super) fn json<T: DeserializeOwned>(self) -> Answer<T> {
        self.decode(PhantomData, false)
    }

    /// The same, decoded by a seed. What is to be kept as the server sent it is read `unchanged`.
    pub(super) fn decode<T>(
        mut self,
        seed: impl for<'de> DeserializeSeed<'de, Value = T>,
        unchanged: bool,
    ) -> Answer<T> {
        self.refuse_page()?;
        let reader = self.response.body_mut().with_config().limit(self.largest).reader();
        let reader: Box<dyn Read> =
            if unchanged { Box::new(reader) } else { Box::new(Mended::new(reader, BUFFER)) };
        let reader = BufReader::with_capacity(BUFFER, reader);
        let mut decoder = serde_json::Deserializer::from_reader(reader);
        let decoded = seed.deserialize(&mut decoder);
        let result = decoded.and_then(|value| decoder.end().map(|()| value));
        drop(decoder);
        result.map_err(|error| match error.io_error_kind() {
            Some(_) => self.fail(cause(ureq::Error::from(io::Error::from(error)))),
            None if error.is_eof() => self.cut(),
            None => self.alien(&error.to_string()),
        })
    }

    /// Passes each element of a list to `take`, as the server sent it.
    pub(super) fn each_element(
        mut self,
        take: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Answer<()> {
        self.refuse_page()?;
        let reader = self.response.body_mut().with_config().limit(self.largest).reader();
        each_element(reader, take).map_err(|trouble| match trouble {
            Trouble::Input(error) => self.fail(cause(ureq::Error::from(error))),
            Trouble::Cut => self.cut(),
            Trouble::Wrong(what) => self.alien(&what),
        })
    }

    /// An error for a page: routes that the server does not know answer 200 with one.
    pub(super) fn refuse_page(&self) -> Answer<()> {
        match self.mime() {
            Some(mime) if mime.contains("html") => Err(self.alien("a page of HTML")),
            _ => Ok(()),
        }
    }

    fn cut(&self) -> Failure {
        self.fail(Cause::Broken("the answer was cut".into()))
    }

    /// Where the next page starts (`x-next-cursor`).
    pub(super) fn cursor(&self) -> Option<String> {
        let cursor = self.response.headers().get("x-next-cursor")?.to_str().ok()?;
        (!cursor.is_empty()).then(|| cursor.into())
    }

    /// The server's explanation of an error.
    fn complaint(&mut self) -> String {
        let mut body = Vec::new();
        let reader = self.response.body_mut().with_config().limit(u64::MAX).reader();
        // If reading fails, the part that arrived before is the best explanation there is.
        let _ = reader.take(LARGEST_ERROR + 1).read_to_end(&mut body);
        if body.len() as u64 > LARGEST_ERROR {
            // Without its end it cannot be told what it quotes: perhaps a configuration with keys.
            return format!("an explanation of more than {} KiB", LARGEST_ERROR / 1024);
        }
        error_message(&body)
    }
}
