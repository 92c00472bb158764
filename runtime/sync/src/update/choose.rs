//! Which release a device takes.

use dunlin_protocol::release::Device;

use super::config::Config;
use super::state::{Held, Listed, Place, State};
use crate::effect::Time;

/// What follows from a repository's list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Choice<'a> {
    /// Nothing.
    Stay,
    /// This release is fetched.
    Take(&'a Listed),
    /// The model that answers, or is tried, is listed no longer.
    Withdrawn,
}

/// Chooses among the releases of the model that the app has. What the app ships counts as listed, and nothing older is ever taken.
pub(super) fn choose<'a>(state: &State, config: &Config, listed: &'a [Listed], now: Time) -> Choice<'a> {
    let active = state.trying.as_ref().map_or(state.serving, |trying| Place::Slot(trying.slot));
    if state.held(active).is_some_and(|held| !is_listed(listed, &held)) {
        return Choice::Withdrawn;
    }
    if state.trying.is_some() {
        return Choice::Stay;
    }
    let device = Device { secret: &state.secret, cohorts: &config.cohorts, runtime: config.runtime };
    let current = state.version_at(active, config).max(config.factory);
    let takes = |listed: &&Listed| {
        listed.release.version > current && listed.release.admits(&device) && state.may_try(&listed.sha256, config, now)
    };
    let best = listed.iter().filter(takes).max_by_key(|listed| listed.release.version);
    best.map_or(Choice::Stay, Choice::Take)
}

/// Whether the list has a model.
pub(super) fn is_listed(listed: &[Listed], held: &Held) -> bool {
    listed.iter().any(|listed| listed.sha256 == held.sha256)
}
