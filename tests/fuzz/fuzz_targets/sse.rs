//! The decoder of event streams: the events are the same, wherever the stream is cut.
#![no_main]
#![allow(dead_code)]

#[path = "../../../src/client/sse.rs"]
mod sse;

use libfuzzer_sys::fuzz_target;

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Option<Vec<u8>>> {
    let mut decoder = sse::Decoder::new(64);
    let mut events = Vec::new();
    for piece in pieces {
        decoder.feed(piece, &mut |data| events.push(data.map(<[u8]>::to_vec)));
    }
    events
}

fuzz_target!(|input: &[u8]| {
    let Some((size, bytes)) = input.split_first() else { return };
    let size = usize::from(*size) + 1;
    assert_eq!(decode(bytes.chunks(size)), decode(std::iter::once(bytes)));
});
