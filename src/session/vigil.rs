//! Silence and haste: when a peer is pinged, given up or held back. Pure decisions that take `now`.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    config::{Rate, Timeouts},
    policy::Role,
};

/// Watches over the silence of one peer.
#[derive(Debug)]
pub struct Vigil {
    /// When its silence began, unless it was heard later.
    since: Instant,
    /// When it was pinged, if it has not been heard since.
    pinged: Option<Instant>,
    /// When its last envelope came.
    envelope: Instant,
}

/// What a look at the clock comes to.
#[derive(Debug, PartialEq)]
pub enum Watch {
    /// Nothing until then; `None`: nothing ever.
    Until(Option<Instant>),
    /// Ping it, then look again.
    Ping,
    /// It has been idle for too long.
    Idle,
    /// It does not answer.
    Silent,
}

impl Vigil {
    /// Begins now.
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            pinged: None,
            envelope: now,
        }
    }

    /// An envelope came.
    pub fn envelope(&mut self, now: Instant) {
        self.envelope = now;
    }

    /// The peer was not listened to until now, so its silence does not count.
    pub fn forgive(&mut self, now: Instant) {
        self.since = now;
        self.pinged = None;
        self.envelope = now;
    }

    /// Looks at the clock. `heard`: when anything last came, or `None` where the transport watches over that
    /// itself; `touched`: when an envelope for the peer last came.
    pub fn look(
        &mut self,
        now: Instant,
        heard: Option<Instant>,
        touched: Instant,
        role: Role,
        timeouts: &Timeouts,
    ) -> Watch {
        let idle = match role {
            Role::Server => timeouts.idle_server,
            Role::Client => timeouts.idle_client,
        };
        let idle_at = idle.map(|idle| self.envelope.max(touched) + idle);
        if idle_at.is_some_and(|at| at <= now) {
            return Watch::Idle;
        }
        match self.silence(now, heard, timeouts.ping, timeouts.pong) {
            Watch::Until(at) => Watch::Until(idle_at.into_iter().chain(at).min()),
            other => other,
        }
    }

    fn silence(
        &mut self,
        now: Instant,
        heard: Option<Instant>,
        ping: Option<Duration>,
        pong: Duration,
    ) -> Watch {
        let (Some(heard), Some(ping)) = (heard, ping) else {
            return Watch::Until(None);
        };
        if heard > self.since {
            self.since = heard;
            self.pinged = None;
        }
        match self.pinged {
            Some(pinged) if pinged + pong <= now => Watch::Silent,
            // Whatever is heard meanwhile begins a new silence, which may end in a ping before that.
            Some(pinged) => Watch::Until(Some((pinged + pong).min(now + ping))),
            None if self.since + ping <= now => {
                self.pinged = Some(now);
                Watch::Ping
            }
            None => Watch::Until(Some(self.since + ping)),
        }
    }
}

/// A token bucket: how many messages a peer may still send at once.
#[derive(Debug)]
pub struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub fn new(now: Instant) -> Self {
        Self {
            tokens: f64::INFINITY,
            at: now,
        }
    }

    /// Takes one message's place, or says how long until there is one.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        let gained = now.duration_since(self.at).as_secs_f64() * f64::from(rate.rate);
        self.at = now;
        self.tokens = (self.tokens + gained).min(f64::from(rate.burst));
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let missing = (1.0 - self.tokens) / f64::from(rate.rate);
        Err(Duration::from_secs_f64(missing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OnExcess;

    const SECOND: Duration = Duration::from_secs(1);

    fn timeouts() -> Timeouts {
        Timeouts {
            handshake: SECOND,
            login: SECOND,
            idle_server: None,
            idle_client: Some(60 * SECOND),
            ping: Some(10 * SECOND),
            pong: 5 * SECOND,
            drain: SECOND,
        }
    }

    fn look(vigil: &mut Vigil, now: Instant, heard: Instant, role: Role) -> Watch {
        vigil.look(now, Some(heard), heard, role, &timeouts())
    }

    #[test]
    fn a_silent_peer_is_pinged_and_then_given_up() {
        let start = Instant::now();
        let mut vigil = Vigil::new(start);
        let at = |seconds| start + seconds * SECOND;
        let mut server = |now, heard| look(&mut vigil, now, heard, Role::Server);
        assert_eq!(server(at(9), start), Watch::Until(Some(at(10))));
        assert_eq!(server(at(10), start), Watch::Ping);
        assert_eq!(server(at(14), start), Watch::Until(Some(at(15))));
        assert_eq!(server(at(15), start), Watch::Silent);
    }

    #[test]
    fn any_sign_of_life_answers_a_ping() {
        let start = Instant::now();
        let mut vigil = Vigil::new(start);
        let at = |seconds| start + seconds * SECOND;
        assert_eq!(look(&mut vigil, at(10), start, Role::Server), Watch::Ping);
        let heard = at(14);
        assert_eq!(
            look(&mut vigil, at(15), heard, Role::Server),
            Watch::Until(Some(at(24)))
        );
    }

    #[test]
    fn silence_while_nobody_listened_is_not_held_against_a_peer() {
        let start = Instant::now();
        let mut vigil = Vigil::new(start);
        let at = |seconds| start + seconds * SECOND;
        assert_eq!(look(&mut vigil, at(10), start, Role::Server), Watch::Ping);
        vigil.forgive(at(30));
        assert_eq!(
            look(&mut vigil, at(30), start, Role::Server),
            Watch::Until(Some(at(40)))
        );
        vigil.forgive(at(70));
        let idle = vigil.look(at(70), Some(start), start, Role::Client, &timeouts());
        assert_ne!(idle, Watch::Idle, "an envelope may wait to be read");
    }

    #[test]
    fn idleness_counts_envelopes_of_both_directions() {
        let start = Instant::now();
        let at = |seconds| start + seconds * SECOND;
        let idle = |sent: u32, touched: u32, now: u32| {
            let mut vigil = Vigil::new(start);
            vigil.envelope(at(sent));
            vigil.look(
                at(now),
                Some(at(now)),
                at(touched),
                Role::Client,
                &timeouts(),
            )
        };
        assert_eq!(idle(0, 0, 60), Watch::Idle);
        assert_ne!(idle(1, 0, 60), Watch::Idle);
        assert_ne!(idle(0, 1, 60), Watch::Idle);
        assert_eq!(idle(1, 1, 61), Watch::Idle);
    }

    #[test]
    fn idleness_is_bounded_by_role() {
        let start = Instant::now();
        let later = start + 3600 * SECOND;
        let mut vigil = Vigil::new(start);
        let watch = vigil.look(later, Some(later), start, Role::Server, &timeouts());
        assert_ne!(watch, Watch::Idle);
        let watch = vigil.look(later, Some(later), start, Role::Client, &timeouts());
        assert_eq!(watch, Watch::Idle);
    }

    #[test]
    fn where_the_transport_watches_over_silence_only_idleness_counts() {
        let start = Instant::now();
        let mut vigil = Vigil::new(start);
        let later = start + 30 * SECOND;
        let watch = vigil.look(later, None, start, Role::Server, &timeouts());
        assert_eq!(watch, Watch::Until(None));
        let watch = vigil.look(later, None, start, Role::Client, &timeouts());
        assert_eq!(watch, Watch::Until(Some(start + 60 * SECOND)));
    }

    #[test]
    fn a_bucket_lets_a_burst_through_and_then_the_rate() {
        let rate = Rate {
            rate: 10,
            burst: 3,
            on_excess: OnExcess::Wait,
        };
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, start), Ok(()));
        }
        let wait = bucket.take(rate, start).expect_err("over the burst");
        assert_eq!(wait, Duration::from_millis(100));
        assert!(bucket.take(rate, start + wait / 2).is_err());
        assert_eq!(bucket.take(rate, start + wait * 2), Ok(()));
        assert_eq!(bucket.take(rate, start + 60 * SECOND), Ok(()));
    }
}
