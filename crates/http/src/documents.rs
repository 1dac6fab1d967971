//! The page that shows the API to people: made once, without scripts.

use crate::operation::{Gives, Handler, Operation, Takes};
use crate::routes::operations;
use leadline_capture::codec::{CommandSpec, Kind};
use std::fmt::{self, Write as _};
use std::sync::LazyLock;

/// The page.
pub(crate) static PAGE: LazyLock<String> = LazyLock::new(page);

/// Its style.
pub(crate) const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
details{border:1px solid #8886;border-radius:.4rem;margin:.4rem 0;padding:.4rem .8rem}\
summary{cursor:pointer}code,pre{font:14px/1.4 ui-monospace,monospace}\
pre{overflow:auto;background:#8881;padding:.6rem}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0}\
.method{display:inline-block;min-width:4.5rem;font-weight:600}";

fn page() -> String {
    let mut html = String::with_capacity(64 * 1024);
    html.push_str(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>leadline API</title>\
         <link rel=\"stylesheet\" href=\"/docs/style.css\"></head><body><h1>leadline API</h1>\
         <p>Every operation, as <a href=\"/openapi.json\">/openapi.json</a> describes it to machines. \
         Send <code>Authorization: Bearer &lt;key&gt;</code>; errors are \
         <code>application/problem+json</code> with a stable <code>code</code>.</p>",
    );
    let mut tag = "";
    let mut all = operations();
    all.sort_by_key(|operation| operation.tag);
    for operation in &all {
        if operation.tag != tag {
            tag = operation.tag;
            add(&mut html, format_args!("<h2>{}</h2>", escaped(tag)));
        }
        show(&mut html, operation);
    }
    html.push_str("</body></html>");
    html
}

fn show(html: &mut String, operation: &Operation) {
    add(
        html,
        format_args!(
            "<details><summary><code><span class=\"method\">{}</span> {}</code> {}</summary>",
            operation.method,
            escaped(&operation.path),
            escaped(&operation.about)
        ),
    );
    if matches!(operation.handler, Handler::Open(_)) {
        html.push_str("<p>Needs no key.</p>");
    }
    if !operation.parameters.is_empty() {
        html.push_str("<h3>Parameters</h3><table>");
        for parameter in &operation.parameters {
            row(html, parameter.name, parameter.place, parameter.about);
        }
        html.push_str("</table>");
    }
    match (operation.takes, operation.handler) {
        (Takes::Text(kinds, about), _) => {
            html.push_str("<h3>Body</h3>");
            add(html, format_args!("<p>{} ({})</p>", escaped(about), escaped(&kinds.join(", "))));
        }
        (_, Handler::Command(spec)) => fields(html, spec),
        _ => {}
    }
    let gives = match operation.gives {
        Gives::Reply => {
            "<code>position</code>, <code>version</code>, <code>id</code>, <code>stream</code>, \
             <code>events</code>, <code>repeated</code>"
                .to_owned()
        }
        Gives::Json(about) | Gives::Text(_, about) => escaped(about),
    };
    add(html, format_args!("<h3>Reply {}</h3><p>{gives}</p></details>", operation.success));
}

fn fields(html: &mut String, spec: &CommandSpec) {
    html.push_str("<h3>Body</h3><table>");
    for field in spec.fields() {
        let kind = match field.kind {
            Kind::Text(limit) => format!("text of at most {limit} bytes"),
            Kind::Amount => "whole number".to_owned(),
            Kind::Currency => "currency code".to_owned(),
            Kind::Time => "time".to_owned(),
            Kind::Flag => "true or false".to_owned(),
            Kind::Id => "UUID".to_owned(),
            Kind::OneOf(names) => names.join(" | "),
            Kind::Map => "object of texts".to_owned(),
        };
        let required = if field.required { ", required" } else { "" };
        let personal = if field.personal() { ", sealed or hashed" } else { "" };
        row(html, field.name, &format!("{kind}{required}{personal}"), field.about);
    }
    row(html, "occurred_at", "time", "When it happened; now where absent.");
    add(html, format_args!("</table><pre>{}</pre>", escaped(spec.example)));
}

fn row(html: &mut String, name: &str, kind: &str, about: &str) {
    add(
        html,
        format_args!(
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            escaped(name),
            escaped(kind),
            escaped(about)
        ),
    );
}

fn add(html: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _written = html.write_fmt(text);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_every_operation_and_loads_nothing_from_elsewhere() {
        for operation in operations() {
            assert!(PAGE.contains(&escaped(&operation.path)), "{}", operation.path);
        }
        assert!(
            !PAGE.contains("http://") && !PAGE.contains("https://") && !PAGE.contains("<script")
        );
    }
}
