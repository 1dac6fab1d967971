//! Several processes on one Postgres database and one message server.

use crate::races::each_address_becomes_one_lead_with_two_touches;
use crate::support::place::Place;

#[test]
fn an_address_captured_through_two_servers_at_once_becomes_one_lead_with_two_touches() {
    let place = Place::of_postgres();
    let key = place.key("admin");
    let servers = [place.serve(), place.serve()];
    let clients = [servers[0].http(&key), servers[1].http(&key)];
    each_address_becomes_one_lead_with_two_touches(clients, &mut servers[1].http(&key));
}
