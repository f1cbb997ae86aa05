//! Where the roles of a state directory listen, once bound.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::directory::Listen;

/// The listeners of the roles that are here, bound.
#[derive(Debug)]
pub struct Listeners {
    pub(crate) matcher: Option<TcpListener>,
    pub(crate) resolver: Option<TcpListener>,
}

impl Listeners {
    /// Binds those that `listen` has; port 0 has the system choose.
    ///
    /// # Errors
    /// The system's, with the address.
    pub async fn bind(listen: &Listen) -> io::Result<Self> {
        Ok(Self {
            matcher: bind_one(listen.matcher).await?,
            resolver: bind_one(listen.resolver).await?,
        })
    }

    /// Where they listen.
    ///
    /// # Errors
    /// The system's.
    pub fn addresses(&self) -> io::Result<Listen> {
        let address = |listener: &Option<TcpListener>| {
            let address = listener.as_ref().map(TcpListener::local_addr);
            address.transpose()
        };
        Ok(Listen {
            matcher: address(&self.matcher)?,
            resolver: address(&self.resolver)?,
        })
    }
}

async fn bind_one(address: Option<SocketAddr>) -> io::Result<Option<TcpListener>> {
    match address {
        Some(address) => bind(address).await.map(Some),
        None => Ok(None),
    }
}

async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))
}
