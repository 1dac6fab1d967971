//! The rules by example: given events, when a command, then these events or this refusal.

#[cfg(test)]
mod capture;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod conversion;
#[cfg(test)]
mod facts;
#[cfg(test)]
mod given;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod opportunities;
#[cfg(test)]
mod others;
#[cfg(test)]
mod phases;
#[cfg(test)]
mod properties;
