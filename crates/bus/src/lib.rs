//! Delivery on NATS JetStream: the only crate that speaks NATS.
//!
//! The log is the truth and JetStream a copy of it that may be lost at any moment. A [`Publisher`] reads the log and
//! makes the stream [`EVENTS`](stream::EVENTS) follow it, event by event; a [`Subscription`] receives them in position
//! order and tells of every hole, so that its owner reads the log instead. [`head`] carries the head of the log between
//! processes, and the [`Inbox`](inbox::Inbox) takes in what other systems capture.

pub mod connection;
pub mod error;
pub mod examine;
pub mod head;
pub mod inbox;
pub mod published;
pub mod publisher;
pub mod stream;
pub mod subscription;
pub mod wire;

pub use connection::Connection;
pub use error::Error;
pub use published::published;
pub use publisher::Publisher;
pub use subscription::Subscription;
