//! Schemas are made once, checked at every start, and keep what is in them.

use crate::proxy::Proxy;
use crate::scratch::Scratch;
use leadline_log::LogBackend;
use leadline_log::clock::System;
use leadline_log::vault::Vault;
use leadline_store::postgres::log::PostgresLog;
use leadline_store::postgres::vault::PostgresVault;
use leadline_store::postgres::views::PostgresViews;
use leadline_store::postgres::{Database, Opening};
use leadline_views::ViewStore;
use std::sync::Arc;

/// Puts another function in the place of the one that appends.
const OTHER_FUNCTION: &str = "
    DO $$ DECLARE source text := pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'leadline'::regnamespace AND proname = 'append';
    BEGIN EXECUTE replace(source, 'head + 1', 'head + 2'); END $$";

async fn refusal(scratch: &Scratch) -> String {
    let error = Database::open(&scratch.url(), Opening::default()).await.unwrap_err();
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    format!("{error}: {}", cause.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_make_one_log() {
    let scratch = Scratch::new().await;
    let start = || async {
        let database = scratch.database().await;
        PostgresLog::open(&database, None, &System).await.unwrap().identity()
    };
    let (one, two, three, four) = tokio::join!(start(), start(), start(), start());
    assert_eq!([two, three, four], [one; 3]);
    assert_eq!(start().await, one);
}

/// After a machine's restart both begin at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_starting_up_is_waited_for() {
    let scratch = Scratch::new().await;
    let proxy = Proxy::new(&scratch.url()).await;
    proxy.refuse_next(3);
    let opening = Opening { create: true, ..Opening::default() };
    let database = Database::open(proxy.url(), opening).await.unwrap();
    assert_eq!(proxy.refusals_left(), 0);
    PostgresLog::open(&database, None, &System).await.unwrap();
}

#[tokio::test]
async fn a_log_that_is_missing_is_not_made_by_accident() {
    let scratch = Scratch::new().await;
    let refusal = refusal(&scratch).await;
    assert!(refusal.contains("there is no event log in it"), "{refusal}");
    assert!(scratch.run("SELECT FROM leadline.event").await.is_err());
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let scratch = Scratch::new().await;
    scratch.database().await;
    scratch.run("UPDATE leadline_keys.format SET format = 99").await.unwrap();
    let refusal = refusal(&scratch).await;
    assert!(refusal.contains("a newer version of leadline has made its keys"), "{refusal}");
}

#[tokio::test]
async fn another_function_that_appends_is_refused() {
    let scratch = Scratch::new().await;
    scratch.database().await;
    scratch.run(OTHER_FUNCTION).await.unwrap();
    let refusal = refusal(&scratch).await;
    assert!(refusal.contains("not the one that this version of leadline ships"), "{refusal}");
}

/// The function of an earlier version makes way for this one's.
#[tokio::test]
async fn the_function_of_an_earlier_format_is_replaced() {
    let scratch = Scratch::new().await;
    scratch.database().await;
    scratch.run(OTHER_FUNCTION).await.unwrap();
    scratch.run("UPDATE leadline.format SET format = 1").await.unwrap();
    let opening = Opening { create: true, ..Opening::default() };
    let database = Database::open(&scratch.url(), opening).await.unwrap();
    PostgresLog::open(&database, None, &System).await.unwrap();
}

#[tokio::test]
async fn events_and_commands_cannot_be_changed_or_deleted() {
    let scratch = Scratch::new().await;
    scratch.database().await;
    for forbidden in [
        "UPDATE leadline.event SET version = 2",
        "DELETE FROM leadline.event",
        "TRUNCATE leadline.event",
        "SET session_replication_role = replica; DELETE FROM leadline.command",
    ] {
        let refused = scratch.run(forbidden).await.unwrap_err().to_string();
        assert!(refused.contains("are never updated or deleted"), "{refused}");
    }
}

/// Nodes run with the rights of a role that may add events and nothing else, even where they connect as the owner.
#[tokio::test]
async fn a_node_has_no_right_to_change_events() {
    let scratch = Scratch::new().await;
    let database = scratch.database().await;
    for forbidden in ["UPDATE leadline.event SET version = 2", "DELETE FROM leadline.event"] {
        let refused =
            scratch.run(&format!("SET ROLE leadline_app; {forbidden}")).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{refused}");
    }
    let log = PostgresLog::open(&database, None, &System).await.unwrap();
    log.head().await.unwrap();
    scratch.run("REVOKE SELECT ON leadline.event FROM leadline_app").await.unwrap();
    let refused = log.head().await.unwrap_err();
    let cause = std::error::Error::source(&refused).map(ToString::to_string).unwrap_or_default();
    assert!(cause.contains("permission denied"), "{cause}");
}

/// Somebody who may do what a node does, and nothing else: he owns nothing, and the schemas are there already.
#[tokio::test]
async fn a_node_can_run_as_somebody_who_owns_nothing() {
    let scratch = Scratch::new().await;
    scratch.database().await;
    let (user, ids) = (format!("{}_run", scratch.name()), Arc::new(System));
    scratch.server(&format!("DROP ROLE IF EXISTS {user}")).await;
    scratch
        .server(&format!("CREATE ROLE {user} LOGIN PASSWORD 'secret' IN ROLE leadline_app"))
        .await;
    let url = scratch.url_of(&format!("{user}:secret"));
    let database = Database::open(&url, Opening::default()).await.unwrap();
    let log = PostgresLog::open(&database, None, &System).await.unwrap();
    assert_eq!(log.head().await.unwrap().0, 0);
    let vault = PostgresVault::open(&database, ids).await.unwrap();
    let minted = vault.mint().await.unwrap();
    vault.destroy(&[minted.subject]).await.unwrap();
    let views = PostgresViews::open(&database);
    views.begin_rebuild("lead").await.unwrap();
    // What he has made is the role's, and so anybody's who runs a node.
    let other = PostgresViews::open(&scratch.database().await);
    other.drop_view("lead").await.unwrap();
    scratch.server(&format!("DROP ROLE {user}")).await;
}

/// The owner of the database needs no more than the right to make roles.
#[tokio::test]
async fn an_owner_who_is_no_superuser_makes_the_log() {
    let scratch = Scratch::new().await;
    let (name, owner) = (scratch.name(), format!("{}_owner", scratch.name()));
    scratch.server(&format!("DROP ROLE IF EXISTS {owner}")).await;
    scratch.server(&format!("CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD 'secret'")).await;
    scratch.server(&format!("ALTER DATABASE {name} OWNER TO {owner}")).await;
    let opening = Opening { create: true, ..Opening::default() };
    let url = scratch.url_of(&format!("{owner}:secret"));
    let database = Database::open(&url, opening).await.unwrap();
    let log = PostgresLog::open(&database, None, &System).await.unwrap();
    log.hold().await.unwrap();
    assert_eq!(log.head().await.unwrap().0, 0);
    scratch.server(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
    scratch.server(&format!("DROP ROLE {owner}")).await;
}
