//! Every field, every bound and every named value of a message, as its schema has them.

use serde_json::{Value, json};

/// A field of a message.
pub struct Field {
    /// Its path, as `assets.audio.parent_asset_ids[]`; `*` is a key of any name.
    pub path: String,
    /// The JSON pointer of its schema in the document.
    pub pointer: String,
    /// Whether it must be there when what it is in is there.
    pub required: bool,
    /// Its schema; references followed.
    pub schema: Value,
    /// What the type says of it.
    pub description: String,
}

/// Keywords that bound a value.
pub const BOUNDS: [&str; 7] =
    ["minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "pattern", "maxItems"];

impl Field {
    /// A schema of the JSON types that the field takes; none for a field that takes all.
    pub fn types(&self) -> Option<Value> {
        types(&self.schema)
    }

    /// The bounds, each as a schema of its own. `null` has none.
    pub fn bounds(&self) -> Vec<Value> {
        let schema = not_null(&self.schema);
        BOUNDS
            .iter()
            .filter_map(|&keyword| schema.get(keyword).map(|bound| json!({ keyword: bound })))
            .chain((!values(&schema).is_empty()).then(|| json!({ "enum": names(&schema) })))
            .collect()
    }

    /// Its types and bounds, for people.
    pub fn kind(&self) -> String {
        let schema = not_null(&self.schema);
        let names = names(&schema);
        if !names.is_empty() {
            return names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        }
        let kind = match &schema["type"] {
            Value::String(kind) => kind.clone(),
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
            _ if schema["anyOf"].is_array() => "base64 text or attachment".to_owned(),
            _ => "anything".to_owned(),
        };
        let bounds = BOUNDS.iter().filter_map(|&keyword| {
            let bound = match schema.get(keyword)? {
                Value::String(pattern) => format!("`{pattern}`"),
                bound => bound.to_string(),
            };
            Some(match keyword {
                "minimum" => format!("{bound} or more"),
                "maximum" => format!("{bound} or less"),
                "exclusiveMinimum" => format!("above {bound}"),
                "minLength" => format!("{bound} characters or more"),
                "maxLength" => format!("{bound} characters or fewer"),
                "pattern" => format!("matches {bound}"),
                _ => format!("{bound} entries or fewer"),
            })
        });
        std::iter::once(kind).chain(bounds).collect::<Vec<_>>().join(", ")
    }

    /// The values that it may have where they are named, each with its description.
    pub fn values(&self) -> Vec<(Value, String)> {
        values(&not_null(&self.schema))
    }

    /// Whether this is the field that a path names, as `domain_hints[1]`.
    pub fn is_named_by(&self, path: &str) -> bool {
        let (pattern, path) = (segments(&self.path), segments(path));
        pattern.len() == path.len()
            && pattern.iter().zip(&path).all(|(pattern, name)| match pattern.as_str() {
                "[]" => name.starts_with('['),
                "*" => !name.starts_with('['),
                pattern => pattern == name,
            })
    }

    /// Every value of the field in an argument.
    pub fn values_in<'a>(&self, argument: &'a Value) -> Vec<&'a Value> {
        walk(argument, &segments(&self.path))
    }

    /// Every value that the field is, or could be, a part of.
    pub fn parents_in<'a>(&self, argument: &'a Value) -> Vec<&'a Value> {
        let path = segments(&self.path);
        walk(argument, &path[..path.len() - 1])
    }

    /// Whether it is a part of an object by its own name, and not one of many.
    pub fn has_name(&self) -> bool {
        !self.path.ends_with(']') && !self.path.ends_with('*')
    }
}

fn segments(path: &str) -> Vec<String> {
    path.replace('[', ".[").split('.').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

fn walk<'a>(value: &'a Value, path: &[String]) -> Vec<&'a Value> {
    let Some((first, rest)) = path.split_first() else { return vec![value] };
    let inner: Vec<&Value> = match (first.as_str(), value) {
        ("[]", Value::Array(items)) => items.iter().collect(),
        ("*", Value::Object(fields)) => fields.values().collect(),
        (name, Value::Object(fields)) => fields.get(name).into_iter().collect(),
        _ => Vec::new(),
    };
    inner.into_iter().flat_map(|value| walk(value, rest)).collect()
}

/// The fields of a message, those inside of others included.
pub fn fields(document: &Value, message: &str) -> Vec<Field> {
    let mut found = Vec::new();
    collect(document, &format!("/$defs/{message}"), "", &mut found);
    found
}

fn collect(document: &Value, pointer: &str, path: &str, found: &mut Vec<Field>) {
    let (schema, pointer) = resolve(document, pointer);
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut visit = |pointer: String, path: String, required: bool| {
        let (field, _) = resolve(document, &pointer);
        let here = document.pointer(&pointer).expect("the pointer was built from the document");
        let description = [here, &field].iter().find_map(|schema| schema["description"].as_str().map(str::to_owned));
        found.push(Field {
            path: path.clone(),
            pointer: pointer.clone(),
            required,
            schema: field,
            description: description.unwrap_or_default(),
        });
        collect(document, &pointer, &path, found);
    };
    for name in schema["properties"].as_object().into_iter().flat_map(|properties| properties.keys()) {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        visit(format!("{pointer}/properties/{name}"), path, required.contains(&name.as_str()));
    }
    for (keyword, suffix) in [("items", "[]"), ("additionalProperties", ".*")] {
        if schema[keyword].is_object() {
            visit(format!("{pointer}/{keyword}"), format!("{path}{suffix}"), false);
        }
    }
}

/// Follows references, and steps into the part of an alternative with `null` that is not `null`.
fn resolve(document: &Value, pointer: &str) -> (Value, String) {
    let schema = document.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in the document"));
    if let Some(reference) = schema["$ref"].as_str() {
        return resolve(document, reference.strip_prefix('#').expect("references stay in the document"));
    }
    if let Some([_, null]) = schema["anyOf"].as_array().map(Vec::as_slice)
        && null["type"] == "null"
    {
        return resolve(document, &format!("{pointer}/anyOf/0"));
    }
    (schema.clone(), pointer.to_owned())
}

fn not_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(values) = schema["enum"].as_array_mut() {
        values.retain(|value| !value.is_null());
    }
    schema
}

fn types(schema: &Value) -> Option<Value> {
    if let Some(kind) = schema.get("type") {
        return Some(json!({ "type": kind }));
    }
    let alternatives = schema.get("oneOf").or(schema.get("anyOf"))?.as_array()?;
    Some(json!({ "anyOf": alternatives.iter().map(types).collect::<Option<Vec<_>>>()? }))
}

fn values(schema: &Value) -> Vec<(Value, String)> {
    let description = |schema: &Value| schema["description"].as_str().unwrap_or_default().to_owned();
    let of_strings = |schema: &Value| {
        if let Some(value) = schema.get("const") {
            return vec![(value.clone(), description(schema))];
        }
        schema["enum"].as_array().into_iter().flatten().map(|value| (value.clone(), String::new())).collect()
    };
    match schema["oneOf"].as_array() {
        Some(alternatives) => alternatives.iter().flat_map(of_strings).collect(),
        None => of_strings(schema),
    }
}

fn names(schema: &Value) -> Vec<Value> {
    values(schema).into_iter().map(|(value, _)| value).collect()
}
