//! stub
pub struct Problem;
impl Problem {
    pub fn new(_c: crate::error::Code) -> Self {
        todo!()
    }
    pub fn detail(self, _d: impl Into<String>) -> Self {
        self
    }
    pub fn retry_after(self, _d: std::time::Duration) -> Self {
        self
    }
}
impl axum::response::IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        todo!()
    }
}
