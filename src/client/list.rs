//! Reads long lists one element at a time, so that a conversation of any length needs the memory of
//! one message.

use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow;

use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, SeqAccess, Visitor};

use super::failure::Answer;
use super::http::Client;
use super::limit::Limit;
use super::wire::Element;

impl Client {
    /// Asks for an array and passes each element to `take` as it arrives. Returns where the next
    /// page starts. After a `Break` the rest is not read.
    pub(super) fn each<T: Element>(
        &self,
        route: &str,
        query: &[(&str, &str)],
        limit: Limit,
        take: &mut dyn FnMut(T) -> ControlFlow<()>,
    ) -> Answer<Option<String>> {
        let exchange = self.send("GET", route, query, None, limit)?.of_size(T::MOST_BYTES);
        let cursor = exchange.cursor();
        let mut stopped = false;
        let each = Each { take, stopped: &mut stopped, element: PhantomData };
        match exchange.decode(each, T::UNCHANGED) {
            Err(_) if stopped => Ok(cursor),
            other => other.map(|()| cursor),
        }
    }
}

struct Each<'a, T> {
    take: &'a mut dyn FnMut(T) -> ControlFlow<()>,
    stopped: &'a mut bool,
    element: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Each<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_seq(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Each<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element::<T>()? {
            if (self.take)(element).is_break() {
                *self.stopped = true;
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }
}
