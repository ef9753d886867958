//! Passphrases, kept as argon2id hashes in the PHC string format.

use std::fmt;

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::phc::PasswordHash,
};

/// The most memory that a check may take, in KiB.
const MOST_MEMORY: u32 = 64 * 1024;
/// The most work: memory in KiB times passes.
const MOST_WORK: u64 = MOST_MEMORY as u64 * 4;
/// The most lanes.
const MOST_LANES: u32 = 16;

/// What a new hash costs: 19 MiB, two passes, one lane, as OWASP advises.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// An argon2id hash whose check costs no more than the relay can afford.
#[derive(Clone)]
pub struct Hash {
    text: String,
    parsed: PasswordHash,
}

impl Hash {
    /// Takes what [`Hash::make`] has made. A refusal says what to do and never quotes `text`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with("$argon2id$v=19$") {
            return Err(
                "this is no argon2id v=19 hash; make one with `intercessor hash`".to_owned(),
            );
        }
        let damaged = "this hash is not whole; copy all of it, and put it in quotes where it stands \
                       between braces, since a comma ends it there";
        let parsed = PasswordHash::new(text).map_err(|_| damaged)?;
        // There is no output without a salt before it.
        if parsed.hash.is_none() {
            return Err(damaged.to_owned());
        }
        let params = Params::try_from(&parsed).map_err(|_| damaged)?;
        check_cost(&params)?;
        Ok(Self {
            text: text.to_owned(),
            parsed,
        })
    }

    /// Hashes a passphrase with a new salt.
    pub fn make(passphrase: &str) -> Result<Self, String> {
        let (memory, passes, lanes) = COST;
        let failed = |error: &dyn fmt::Display| format!("cannot hash the passphrase: {error}");
        let params = Params::new(memory, passes, lanes, None).map_err(|error| failed(&error))?;
        let parsed = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password(passphrase.as_bytes())
            .map_err(|error| failed(&error))?;
        Ok(Self {
            text: parsed.to_string(),
            parsed,
        })
    }

    /// Is it the hash of `passphrase`? This takes tens of milliseconds and as much memory as the hash says.
    pub fn verify(&self, passphrase: &str) -> bool {
        Argon2::default()
            .verify_password(passphrase.as_bytes(), &self.parsed)
            .is_ok()
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn check_cost(params: &Params) -> Result<(), String> {
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if params.m_cost() > MOST_MEMORY || work > MOST_WORK {
        return Err("a check of this hash costs more than 64 MiB × 4 passes; make one with `intercessor hash`".to_owned());
    }
    if params.p_cost() > MOST_LANES {
        return Err(format!(
            "this hash wants more than {MOST_LANES} lanes; make one with `intercessor hash`"
        ));
    }
    Ok(())
}

/// Does not show the hash: it is what an attacker would try passphrases on.
impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `open sesame`, at next to no cost.
    const CHEAP: &str = "$argon2id$v=19$m=8,t=1,p=1$U7QrjxPBdmd/FVMP7GDJAA$sfpUjpJiFxSSpzMRHBehmFr3PyvutaCX3ZPjEx4q6FU";

    #[test]
    fn a_hash_knows_its_passphrase() {
        for hash in [Hash::make("open sesame"), Hash::parse(CHEAP)] {
            let Ok(hash) = hash else { panic!("{hash:?}") };
            assert!(hash.verify("open sesame"));
            assert!(!hash.verify("open sesame "));
            assert!(!hash.verify(""));
        }
    }

    #[test]
    fn what_is_made_can_be_parsed_and_has_a_new_salt() {
        let (Ok(one), Ok(other)) = (Hash::make("x"), Hash::make("x")) else {
            panic!("no hash")
        };
        assert!(one.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_ne!(one.as_str(), other.as_str());
        assert!(Hash::parse(one.as_str()).is_ok_and(|it| it.as_str() == one.as_str()));
    }

    #[test]
    fn a_hash_is_not_debugged() {
        assert_eq!(format!("{:?}", Hash::parse(CHEAP)), "Ok(Hash([REDACTED]))");
    }

    #[test]
    fn what_is_no_hash_or_costs_too_much_is_refused_and_not_quoted() {
        let tail = "$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";
        let costs = |costs: &str| format!("$argon2id$v=19${costs}{tail}");
        for good in [
            "m=8,t=1,p=1",
            "m=65536,t=4,p=1",
            "m=8,t=32768,p=1",
            "m=128,t=1,p=16",
        ] {
            assert!(Hash::parse(&costs(good)).is_ok(), "{good}");
        }
        let wrong = [
            String::new(),
            "hunter2".to_owned(),
            costs("m=65537,t=1,p=1"),
            costs("m=65536,t=5,p=1"),
            costs("m=8,t=32769,p=1"),
            costs("m=8,t=4294967295,p=1"),
            costs("m=136,t=1,p=17"),
            costs("m=7,t=1,p=1"),
            costs("m=8,t=1,p=1,x=1"),
            CHEAP.replace("argon2id", "argon2i"),
            CHEAP.replace("v=19", "v=16"),
            CHEAP.replace("v=19$", ""),
            "$argon2id$v=19$m=8,t=1,p=1".to_owned(),
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ".to_owned(),
            "$argon2id$v=19$m=8".to_owned(),
            format!("{CHEAP}$more"),
            format!("{CHEAP} "),
        ];
        for text in wrong {
            let Err(told) = Hash::parse(&text) else {
                panic!("{text}")
            };
            let quoted = ["hunter2", "c2Fs", "aGFz"]
                .iter()
                .any(|secret| told.contains(secret));
            assert!(!quoted, "{told}");
        }
    }
}
