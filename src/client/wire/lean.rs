//! Lenient reading of values that can be large: only what `T` names is kept.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{Error, MapAccessDeserializer, StrDeserializer};
use serde::de::{
    DeserializeOwned, Error as _, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserializer, forward_to_deserialize_any};

/// Reads a value of any type. A value that does not fit becomes the default.
///
/// Unlike [`super::lenient`], this never holds the value's text, so a tool result of a hundred
/// megabytes costs nothing if `T` has no field for it. In return the fields of `T` must be lenient
/// themselves.
pub fn lean<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    input: D,
) -> Result<T, D::Error> {
    input.deserialize_any(Lean(PhantomData))
}

struct Lean<T>(PhantomData<T>);

fn scalar<'de, T: DeserializeOwned + Default, E>(
    value: impl Deserializer<'de, Error = Error>,
) -> Result<T, E> {
    Ok(T::deserialize(Loose(value)).unwrap_or_default())
}

impl<'de, T: DeserializeOwned + Default> Visitor<'de> for Lean<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E>(self, value: bool) -> Result<T, E> {
        scalar(value.into_deserializer())
    }

    fn visit_i64<E>(self, value: i64) -> Result<T, E> {
        scalar(value.into_deserializer())
    }

    fn visit_u64<E>(self, value: u64) -> Result<T, E> {
        scalar(value.into_deserializer())
    }

    fn visit_f64<E>(self, value: f64) -> Result<T, E> {
        scalar(value.into_deserializer())
    }

    fn visit_str<E>(self, value: &str) -> Result<T, E> {
        scalar(StrDeserializer::new(value))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        match T::deserialize(Loose(MapAccessDeserializer::new(&mut map))) {
            Ok(value) => Ok(value),
            // Either `T` does not take a map, and then nothing of the map has been read; or the
            // input is broken, and then this fails again.
            Err(_) => {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(T::default())
            }
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }
}

/// Treats every present value as `Some`. serde's value deserializers do not support options.
struct Loose<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Loose<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: V,
    ) -> Result<V::Value, D::Error> {
        Err(D::Error::custom("not a plain value"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    struct Inner {
        #[serde(default, deserialize_with = "lean")]
        a: Option<f64>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    struct Outer {
        #[serde(default, deserialize_with = "lean")]
        text: String,
        #[serde(default, deserialize_with = "lean")]
        inner: Option<Inner>,
        #[serde(default, deserialize_with = "lean")]
        flag: bool,
    }

    #[test]
    fn what_does_not_fit_is_the_default_and_the_rest_is_read_on() {
        let read = |text: &str| serde_json::from_reader::<_, Outer>(text.as_bytes());
        let some = |a| Outer { text: "x".into(), inner: Some(Inner { a }), flag: true };
        let good = r#"{"inner":{"a":1,"b":[{}]},"flag":true,"text":"x"}"#;
        assert_eq!(read(good).unwrap(), some(Some(1.0)));
        let odd = r#"{"inner":{"a":{"deep":["x"]}},"flag":true,"text":"x"}"#;
        assert_eq!(read(odd).unwrap(), some(None));
        let odd = r#"{"inner":[1,{"a":2}],"flag":{"x":[]},"text":{"y":{}}}"#;
        assert_eq!(read(odd).unwrap(), Outer::default());
        let odd = r#"{"inner":null,"flag":"true","text":-7}"#;
        assert_eq!(read(odd).unwrap(), Outer::default());
        assert!(read(r#"{"inner":{"a":{"cut"#).is_err(), "broken input is no odd value");
    }
}
