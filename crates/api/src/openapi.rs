//! The description of the API (OpenAPI 3.1), made from the handlers themselves. What is the same
//! everywhere (errors, ways to sign in) is added here once, so that no operation can forget it.

use crate::error::Problem;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr,
    ResponseBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};

/// The description that the handlers make, with what is the same everywhere.
pub(crate) fn complete(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            for status in ["4XX", "5XX"] {
                let content = ContentBuilder::new()
                    .schema(Some(Ref::from_schema_name(Problem::name())))
                    .build();
                let response = ResponseBuilder::new()
                    .description("What went wrong, in words")
                    .content("application/problem+json", content)
                    .build();
                operation
                    .responses
                    .responses
                    .insert(status.to_owned(), RefOr::T(response));
            }
        }
    }
    document
}

/// The frame that the handlers are hung into.
pub(crate) fn frame() -> OpenApi {
    let mut schemas = Vec::new();
    Problem::schemas(&mut schemas);
    let session = ApiKey::Cookie(ApiKeyValue::new("postroom_session"));
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token that begins with `prm_`"))
        .build();
    let components = ComponentsBuilder::new()
        .schema(Problem::name(), Problem::schema())
        .schemas_from_iter(schemas)
        .security_scheme("token", SecurityScheme::Http(bearer))
        .security_scheme("session", SecurityScheme::ApiKey(session))
        .build();
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Postroom")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Connects any IMAP, POP3 and SMTP mailbox to an application.",
                ))
                .build(),
        )
        .components(Some(components))
        .security(Some([
            utoipa::openapi::SecurityRequirement::new("token", Vec::<String>::new()),
            utoipa::openapi::SecurityRequirement::new("session", Vec::<String>::new()),
        ]))
        .build()
}
