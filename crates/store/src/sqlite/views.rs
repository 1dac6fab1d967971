//! The views on an SQLite file of their own.
