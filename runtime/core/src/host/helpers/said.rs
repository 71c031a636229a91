//! What is said of a message: issues and refusals, and their places.

use emr_abi::{Context, Stop, Told};
use emr_message::Place;

use super::{stop, trace, with};
use crate::host::work::{Raised, Work};

/// The place that words tell; `Err` where it cannot be found.
fn place(work: &Work, told: u64, at: u64, level: u64, path: u64) -> Result<Option<Place>, ()> {
    let [field, repetition, component, subcomponent] = [48, 32, 16, 0].map(|shift| (path >> shift) & 0xffff);
    let narrow = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
    if told == Told::Nowhere as u64 {
        return Ok(None);
    }
    if told == Told::Segment as u64 {
        let Some(index) = at.checked_sub(1) else { return Ok(None) };
        let found = work.place(u32::try_from(index).unwrap_or(u32::MAX));
        return Ok(found.map(|place| Place {
            field: narrow(field),
            repetition: u32::from(narrow(repetition)),
            component: narrow(component),
            subcomponent: narrow(subcomponent),
            ..place
        }));
    }
    if told == Told::Origin as u64 {
        return trace::origin(work, at);
    }
    let mut place = at_level(work.text.place(at as *const u8).ok_or(())?, level);
    if told == Told::Below as u64 {
        if repetition > 0 {
            place.repetition = u32::from(narrow(repetition));
        }
        if component > 0 {
            place.component = narrow(component);
        }
        if subcomponent > 0 {
            place.subcomponent = narrow(subcomponent);
        }
    }
    Ok(Some(place))
}

/// A place no narrower than a level: field, repetition, component or subcomponent.
pub fn at_level(place: Place, level: u64) -> Place {
    Place {
        repetition: if level < 1 { 0 } else { place.repetition },
        component: if level < 2 { 0 } else { place.component },
        subcomponent: if level < 3 { 0 } else { place.subcomponent },
        ..place
    }
}

pub unsafe extern "C" fn issue(ctx: *mut Context, issue: u64, told: u64, at: u64, level: u64, path: u64) -> u64 {
    with(ctx, |ctx, work| match place(work, told, at, level, path) {
        Ok(place) => {
            work.raise(u32::try_from(issue).unwrap_or(u32::MAX), place);
            0
        }
        Err(()) => stop(ctx, Stop::Defer),
    })
}

pub unsafe extern "C" fn reject(ctx: *mut Context, issue: u64, told: u64, at: u64, level: u64, path: u64) -> u64 {
    with(ctx, |ctx, work| match place(work, told, at, level, path) {
        // What was left to the interpreter before stays with it.
        Ok(place) if ctx.stop == Stop::None as u64 => {
            work.refusal = Some(Raised { issue: u32::try_from(issue).unwrap_or(u32::MAX), place });
            stop(ctx, Stop::Refused)
        }
        _ => stop(ctx, Stop::Defer),
    })
}
