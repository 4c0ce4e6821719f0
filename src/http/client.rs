//! stub
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub std::net::SocketAddr);
pub struct Client {
    pub ip: std::net::IpAddr,
    pub is_encrypted: bool,
}
impl Client {
    pub fn of(_e: &axum::http::Extensions, _h: &axum::http::HeaderMap, _c: &crate::config::Http) -> Self {
        todo!()
    }
}
