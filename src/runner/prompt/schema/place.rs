//! The schema that a `$ref` means.

use serde_json::Value;

/// Finds what a `$ref` means within a document: a place, an anchor, or a schema with that `$id`.
/// `None` if the document does not have it.
pub fn find<'a>(root: &'a Value, target: &str) -> Option<&'a Value> {
    let own = root["$id"].as_str().map(|id| id.trim_end_matches('#')).unwrap_or_default();
    let local = target.strip_prefix(own).filter(|rest| rest.is_empty() || rest.starts_with('#'));
    let local = local.unwrap_or(target);
    let Some(fragment) = local.strip_prefix('#') else {
        let is_meant = |schema: &Value| schema["$id"] == *local;
        return if local.is_empty() { Some(root) } else { search(root, &is_meant) };
    };
    let fragment = unescape(fragment)?;
    if fragment.is_empty() || fragment.starts_with('/') {
        return root.pointer(&fragment);
    }
    // Until the seventh draft an anchor was an `$id`, and before the sixth an `id`.
    let anchor = format!("#{fragment}");
    search(root, &|schema: &Value| {
        [&schema["$anchor"], &schema["$dynamicAnchor"]].contains(&&Value::from(fragment.as_str()))
            || [&schema["$id"], &schema["id"]].contains(&&Value::from(anchor.as_str()))
    })
}

fn search<'a>(value: &'a Value, is_meant: &dyn Fn(&Value) -> bool) -> Option<&'a Value> {
    match value {
        Value::Object(_) if is_meant(value) => Some(value),
        Value::Object(all) => all.values().find_map(|one| search(one, is_meant)),
        Value::Array(all) => all.iter().find_map(|one| search(one, is_meant)),
        _ => None,
    }
}

/// Undoes percent encoding; `None` if that does not give a text.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut pieces = text.split('%');
    bytes.extend(pieces.next()?.bytes());
    for piece in pieces {
        bytes.push(u8::from_str_radix(piece.get(..2)?, 16).ok()?);
        bytes.extend(piece[2..].bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_anchors_and_ids_are_found() {
        let root = json!({"$id": "https://a.example/s", "$defs": {
            "a b": {"const": 1}, "x/y": {"const": 2}, "ü": {"const": 3},
            "leaf": {"$anchor": "leaf", "const": 4}, "old": {"$id": "#old", "const": 5},
            "other": {"$id": "other.json", "const": 6},
        }});
        for (target, number) in [
            ("#/$defs/a%20b", 1),
            ("#/$defs/a b", 1),
            ("#/$defs/x~1y", 2),
            ("#/%24defs/%C3%BC", 3),
            ("#leaf", 4),
            ("https://a.example/s#leaf", 4),
            ("#old", 5),
            ("other.json", 6),
        ] {
            let found = find(&root, target).unwrap_or_else(|| panic!("{target}"));
            assert_eq!(found["const"], number, "{target}");
        }
        assert_eq!(find(&root, "#"), Some(&root));
        assert_eq!(find(&root, "https://a.example/s"), Some(&root));
        for target in ["#/$defs/none", "#none", "none.json", "#/%", "#/%ff"] {
            assert_eq!(find(&root, target), None, "{target}");
        }
    }
}
