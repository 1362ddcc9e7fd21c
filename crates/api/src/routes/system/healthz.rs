/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "system", security(()),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}
