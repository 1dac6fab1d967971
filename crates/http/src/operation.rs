//! What an operation of the API is: its path, its description and its handler.

use crate::api::Api;
use crate::problem::Problem;
use crate::request::Call;
use axum::http::Method;
use axum::response::Response;
use futures::future::BoxFuture;
use leadline_capture::codec::CommandSpec;
use std::borrow::Cow;

/// What an operation's handler answers.
pub(crate) type Answer = BoxFuture<'static, Result<Response, Problem>>;

/// What runs an operation.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// Anybody may call it.
    Open(fn(Api) -> Answer),
    /// A caller with a key may.
    Keyed(fn(Call) -> Answer),
    /// A caller with a key sends this command.
    Command(&'static CommandSpec),
}

/// What an operation takes as its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing.
    Nothing,
    /// The fields of a command.
    Command(&'static str),
    /// Something of these media types and this description.
    Text(&'static [&'static str], &'static str),
}

/// What an operation answers when it succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    /// What the command led to.
    Reply,
    /// One JSON document of this description.
    Json(&'static str),
    /// Something of this media type and description.
    Text(&'static str, &'static str),
}

/// A parameter of the path or query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: &'static str,
    pub(crate) about: &'static str,
}

/// A parameter of the query.
pub(crate) const fn asked(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, place: "query", about }
}

/// A parameter of the path.
pub(crate) const fn part(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, place: "path", about }
}

/// A header of the request.
pub(crate) const fn sent(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, place: "header", about }
}

/// One operation.
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// Path with its parameters in braces.
    pub(crate) path: Cow<'static, str>,
    /// Unique name.
    pub(crate) name: Cow<'static, str>,
    pub(crate) tag: &'static str,
    pub(crate) about: Cow<'static, str>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) takes: Takes,
    pub(crate) gives: Gives,
    /// Status of success.
    pub(crate) success: u16,
    pub(crate) handler: Handler,
}
