//! Bytes that come as base64 in a JSON body.

use crate::error::{ApiError, Result};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Standard base64, with its padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes base64, blanks and line breaks aside.
pub(crate) fn base64(pointer: &str, text: &str) -> Result<Vec<u8>> {
    let clean: String;
    let text = if text.contains(char::is_whitespace) {
        clean = text.split_whitespace().collect();
        &clean
    } else {
        text
    };
    BASE64
        .decode(text)
        .map_err(|_| ApiError::field(pointer, "is not base64"))
}
