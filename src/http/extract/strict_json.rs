//! JSON as this server takes it (RFC 8259): UTF-8, nested at most 32 deep, duplicate names noticed.
//! Two parsers that read one text differently are how a check is passed by (ASVS 1.5.3).

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep objects and lists may be nested.
const MAX_DEPTH: usize = 32;

/// What was read.
#[derive(Debug)]
pub struct Tree {
    pub value: Value,
    /// The paths of names that stand more than once in their object.
    pub duplicates: Vec<String>,
}

/// Reads one JSON text, or says what is wrong and where.
pub fn parse(bytes: &[u8]) -> Result<Tree, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to() + 1))?;
    if let Some(at) = too_deep(bytes) {
        return Err(format!("nested more than {MAX_DEPTH} deep at byte {at}"));
    }
    let duplicates = RefCell::new(Vec::new());
    let mut reader = serde_json::Deserializer::from_str(text);
    let node = Node {
        path: String::new(),
        duplicates: &duplicates,
    };
    let value = node
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    let value = value.map_err(|error| error.to_string())?;
    Ok(Tree {
        value,
        duplicates: duplicates.into_inner(),
    })
}

/// The place of the first bracket that opens one level too many.
fn too_deep(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match (quoted, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Some(at + 1);
        }
    }
    None
}

/// One value and where it stands.
struct Node<'a> {
    path: String,
    duplicates: &'a RefCell<Vec<String>>,
}

impl Node<'_> {
    fn child(&self, name: &dyn fmt::Display) -> Self {
        let path = if self.path.is_empty() {
            name.to_string()
        } else {
            format!("{}.{name}", self.path)
        };
        Self {
            path,
            duplicates: self.duplicates,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.child(&list.len()))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let child = self.child(&name);
            if map.contains_key(&name) {
                self.duplicates.borrow_mut().push(child.path.clone());
            }
            let value = members.next_value_seed(child)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t27_nesting_is_bounded_whatever_stands_in_strings() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(32).as_bytes()).is_ok());
        assert_eq!(
            parse(nested(33).as_bytes()).unwrap_err(),
            "nested more than 32 deep at byte 33"
        );
        assert!(
            parse("[".repeat(16_000).as_bytes())
                .unwrap_err()
                .starts_with("nested")
        );
        let quoted = format!(r#"{{"a":"\"{}"}}"#, "[".repeat(100));
        assert!(parse(quoted.as_bytes()).is_ok());
    }

    #[test]
    fn duplicate_names_are_noticed_at_any_depth_and_however_they_are_written() {
        let tree = parse(br#"{"a":1,"b":{"c":[{"d":1,"\u0064":2}]},"a":2}"#).unwrap();
        assert_eq!(tree.duplicates, ["b.c.0.d", "a"]);
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for (text, place) in [
            (&b""[..], "line 1 column 0"),
            (b"{", "line 1 column 1"),
            (b"{\"a\":1", "line 1 column 6"),
            (b"{\"a\":1}\n{", "line 2 column 1"),
            (b"{'a':1}", "line 1 column 2"),
            (b"{\"a\":1,}", "line 1 column 8"),
            (b"{\"a\":NaN}", "line 1 column 6"),
            (b"{\"a\":01}", "line 1 column 7"),
            (b"{\"a\":1e999}", "line 1 column 10"),
            (b"{\"a\":\"\\ud800\"}", "line 1 column"),
            (b"{\"a\":\"\n\"}", "line 2 column 0"),
            (b"\xef\xbb\xbf{}", "line 1 column 1"),
            (b"{\"a\":\"\xff\"}", "byte 7"),
        ] {
            let fault = parse(text).unwrap_err();
            assert!(
                fault.contains(place),
                "{fault} for {:?}",
                String::from_utf8_lossy(text)
            );
        }
    }

    #[test]
    fn huge_numbers_stay_numbers() {
        let tree = parse(br"[18446744073709551615, 99999999999999999999999, -1, 1e308]").unwrap();
        assert!(tree.value.as_array().unwrap().iter().all(Value::is_number));
        assert_eq!(tree.value[0].as_u64(), Some(u64::MAX));
        assert_eq!(tree.value[1].as_u64(), None);
    }
}
