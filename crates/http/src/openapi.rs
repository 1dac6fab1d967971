//! The OpenAPI document, made of the table of operations and the table of commands.

use crate::operation::{Gives, Handler, Operation, Parameter, Takes};
use crate::routes::operations;
use leadline_capture::codec::{CommandSpec, FieldSpec, Kind, commands};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// The document.
pub(crate) static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

/// The document as a value.
pub(crate) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let entry = paths.entry(operation.path.to_string()).or_insert_with(|| json!({}));
        if let Some(entry) = entry.as_object_mut() {
            entry.insert(operation.method.as_str().to_lowercase(), describe(&operation));
        }
    }
    let mut schemas = Map::new();
    for spec in commands() {
        schemas.insert(spec.name.to_owned(), command(spec));
    }
    schemas.insert("Problem".to_owned(), problem());
    schemas.insert("Reply".to_owned(), reply());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "leadline",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The life of a lead, as an append-only event log and views of it.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    })
}

fn describe(operation: &Operation) -> Value {
    let mut description = json!({
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.about,
        "parameters": operation.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "responses": {
            operation.success.to_string(): success(operation.gives),
            "default": {
                "description": "Why not.",
                "content": {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
                },
            },
        },
    });
    if let Some(object) = description.as_object_mut() {
        let security = if matches!(operation.handler, Handler::Open(_)) {
            json!([])
        } else {
            json!([{"key": []}])
        };
        object.insert("security".to_owned(), security);
        if let Some(body) = body(operation.takes) {
            object.insert("requestBody".to_owned(), body);
        }
    }
    description
}

fn parameter(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.about,
        "schema": {"type": "string"},
    })
}

fn body(takes: Takes) -> Option<Value> {
    match takes {
        Takes::Nothing => None,
        Takes::Command(name) => {
            let schema = json!({"$ref": format!("#/components/schemas/{name}")});
            Some(json!({"content": {"application/json": {"schema": schema}}}))
        }
        Takes::Text(kinds, about) => {
            let content: Map<String, Value> =
                kinds.iter().map(|kind| ((*kind).to_owned(), json!({}))).collect();
            Some(json!({"description": about, "content": content}))
        }
    }
}

fn success(gives: Gives) -> Value {
    match gives {
        Gives::Reply => json!({
            "description": "What it led to. `200` also where it opened nothing.",
            "headers": {"ETag": {"description": "The target's version.", "schema": {"type": "string"}}},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Reply"}}},
        }),
        Gives::Json(about) => {
            json!({"description": about, "content": {"application/json": {}}})
        }
        Gives::Text(kind, about) => json!({"description": about, "content": {kind: {}}}),
    }
}

fn command(spec: &CommandSpec) -> Value {
    let mut properties: Map<String, Value> =
        spec.fields().map(|field| (field.name.to_owned(), field_schema(field))).collect();
    let occurred_at = json!({
        "type": ["string", "null"],
        "format": "date-time",
        "description": "When it happened; now where absent.",
    });
    properties.insert("occurred_at".to_owned(), occurred_at);
    let required: Vec<&str> =
        spec.fields().filter(|field| field.required).map(|field| field.name).collect();
    let example: Value = serde_json::from_str(spec.example).unwrap_or_default();
    json!({
        "type": "object",
        "description": spec.about,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
        "examples": [example],
    })
}

fn field_schema(field: &FieldSpec) -> Value {
    let kind = |name: &str| if field.required { json!(name) } else { json!([name, "null"]) };
    let mut schema = match field.kind {
        // Counted in bytes by the codec: a length in characters is never more.
        Kind::Text(limit) => json!({"type": kind("string"), "maxLength": limit}),
        Kind::Amount => json!({"type": kind("integer"), "format": "int64"}),
        Kind::Currency => json!({"type": kind("string"), "pattern": "^[A-Z]{3}$"}),
        Kind::Time => json!({"type": kind("string"), "format": "date-time"}),
        Kind::Flag => json!({"type": kind("boolean")}),
        Kind::Id => json!({"type": kind("string"), "format": "uuid"}),
        Kind::OneOf(names) => json!({"type": kind("string"), "enum": names}),
        Kind::Map => json!({
            "type": kind("object"),
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
        }),
    };
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), field.about.into());
        if field.personal() {
            schema.insert("x-personal".to_owned(), true.into());
        }
    }
    schema
}

fn problem() -> Value {
    let texts = json!({"type": "array", "items": {"type": "string"}});
    json!({
        "type": "object",
        "description": "Why a request did not succeed, by RFC 9457.",
        "required": ["title", "status", "code", "detail", "retryable"],
        "properties": {
            "title": {"type": "string", "description": "Phrase of the status."},
            "status": {"type": "integer"},
            "code": {"type": "string", "description": "Stable code."},
            "detail": {"type": "string", "description": "What is wrong and what to do."},
            "allowed": texts,
            "missing": texts,
            "field": {"type": "string", "description": "The field at fault."},
            "current_version": {"type": "integer", "description": "The target's version."},
            "position": {"type": "integer", "description": "Where the refusal is kept."},
            "retryable": {"type": "boolean"},
        },
    })
}

fn reply() -> Value {
    json!({
        "type": "object",
        "description": "What a command led to. It is durable.",
        "required": ["position", "version", "id", "stream", "events", "repeated"],
        "properties": {
            "position": {"type": "integer", "description": "Place of the last event in the log."},
            "version": {"type": "integer", "description": "The target's version, for `If-Match`."},
            "id": {"type": "string", "format": "uuid", "description": "What the command was about."},
            "stream": {"type": "string"},
            "events": {
                "type": "array",
                "description": "What happened; empty where all was so already.",
                "items": {
                    "type": "object",
                    "properties": {
                        "position": {"type": "integer"},
                        "stream": {"type": "string"},
                        "version": {"type": "integer"},
                        "type": {"type": "string"},
                    },
                },
            },
            "repeated": {"type": "boolean", "description": "This is the first result of the same command."},
            "next_due": {"type": "string", "format": "date-time", "description": "When the next step falls due."},
            "waited": {
                "type": "object",
                "properties": {"view": {"type": "string"}, "applied": {"type": "boolean"}},
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_holds_every_operation_and_no_other() {
        let document = document();
        let paths = document["paths"].as_object().unwrap();
        let described: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(described, operations().len());
        for operation in operations() {
            let method = operation.method.as_str().to_lowercase();
            let found = &paths[operation.path.as_ref()][method];
            assert_eq!(found["operationId"], operation.name.as_ref());
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn check(value: &Value, document: &Value) {
            match value {
                Value::Object(object) => {
                    if let Some(Value::String(place)) = object.get("$ref") {
                        assert!(
                            document.pointer(place.trim_start_matches('#')).is_some(),
                            "{place}"
                        );
                    }
                    object.values().for_each(|value| check(value, document));
                }
                Value::Array(list) => list.iter().for_each(|value| check(value, document)),
                _ => {}
            }
        }
        let document = document();
        check(&document, &document);
        assert!(document.pointer("/components/schemas/CaptureLead/properties/email").is_some());
    }
}
