//! Host names that were looked up before. The library's own look-up has no limit, or starts a
//! thread for it.

use std::net::{IpAddr, SocketAddr};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How many addresses of a host are tried: the library has room for 16.
const MOST_ADDRESSES: usize = 4;

/// Returns the addresses that were resolved before the request.
#[derive(Debug)]
pub struct Known(pub Vec<IpAddr>);

impl Resolver for Known {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(80);
        let mut found = self.empty();
        match host.parse() {
            Ok(address) => found.push(SocketAddr::new(address, port)),
            Err(_) if self.0.is_empty() => return Err(ureq::Error::HostNotFound),
            Err(_) => {
                let addresses = self.0.iter().take(MOST_ADDRESSES);
                addresses.for_each(|address| found.push(SocketAddr::new(*address, port)));
            }
        }
        Ok(found)
    }
}
