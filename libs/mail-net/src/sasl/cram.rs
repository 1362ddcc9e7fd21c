//! CRAM-MD5 (RFC 2195): the server sends a challenge, the answer is a keyed digest of it (HMAC-MD5, RFC 2104).

use md5::{Digest, Md5};
use zeroize::Zeroizing;

/// The block of MD5, in bytes.
const BLOCK: usize = 64;

/// `user 0123456789abcdef...`
pub(super) fn answer(user: &str, password: &[u8], challenge: &[u8]) -> Vec<u8> {
    let mut answer = user.as_bytes().to_vec();
    answer.push(b' ');
    for byte in hmac(password, challenge) {
        answer.extend_from_slice(format!("{byte:02x}").as_bytes());
    }
    answer
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 16] {
    let mut block = Zeroizing::new([0_u8; BLOCK]);
    if key.len() > BLOCK {
        block[..16].copy_from_slice(&Md5::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |with: u8| Zeroizing::new(block.map(|byte| byte ^ with));
    let mut inner = Md5::new();
    inner.update(*padded(0x36));
    inner.update(message);
    let mut outer = Md5::new();
    outer.update(*padded(0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_2195_comes_out_right() {
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        assert_eq!(
            answer("tim", b"tanstaaftanstaaf", challenge),
            b"tim b913a602c7eda7a495b4e6e7334d3890"
        );
    }

    #[test]
    fn a_long_password_is_digested_first() {
        // RFC 2202, test case 6.
        let digest = hmac(
            &[0xaa; 80],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
        );
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    }
}
