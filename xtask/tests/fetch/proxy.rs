//! Proxies from the environment. The requested server does not exist; the proxy responds in its
//! place.

use crate::place::{Entry, Place, body, done};
use crate::server::Server;

#[test]
fn proxies_are_honoured() {
    let body = body(50_000);
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"] {
        let proxy = Server::good(&body);
        let place = Place::new(&Entry::url("http://weights.invalid/net.pth").of(&body));
        let mut command = place.command(&["net"]);
        command.env(name, proxy.url());
        done(command.output().unwrap()).assert_ok();
        place.assert_holds(&body);
        let received = proxy.received();
        assert!(received[0].path.contains("weights.invalid"), "{received:?}");
    }
}

#[test]
fn exceptions_from_the_proxy_are_respected() {
    let body = body(50_000);
    let (proxy, server) = (Server::good(b"wrong"), Server::good(&body));
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    let mut command = place.command(&["net"]);
    command
        .env("HTTPS_PROXY", proxy.url())
        .env("NO_PROXY", server.address().ip().to_string());
    done(command.output().unwrap()).assert_ok();
    assert_eq!((proxy.received().len(), server.received().len()), (0, 1));
}

#[test]
fn a_proxy_that_is_down_is_an_error() {
    let url = Server::good(b"").url();
    let place = Place::new(&Entry::url("http://weights.invalid/net.pth"));
    let mut command = place.command(&["net", "--tries", "2"]);
    command.env("HTTPS_PROXY", url);
    done(command.output().unwrap()).assert_fails(&["tried 2 times", "HTTPS_PROXY"]);
}
