//! The HTTP edge: REST under `/v1`, event streams, problem details, and a description of it all.
//!
//! One table of operations builds the router, the OpenAPI document and the page of documentation, so that none of
//! them can say something that another does not.

mod api;
mod batch;
mod commands;
mod documents;
mod imports;
mod keys;
mod openapi;
mod operation;
mod press;
mod problem;
mod rate;
mod reads;
mod request;
mod routes;
mod serve;
mod service;
mod streams;

pub use api::{Api, DeliveryReport, Parts};
pub use problem::Problem;
pub use routes::router;
pub use serve::{Error, serve};
