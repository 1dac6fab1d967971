//! The domain's streams under the log's keys.

use leadline_domain::StreamId;
use leadline_log::StreamKey;
use leadline_log::types::Category;
use std::sync::LazyLock;
use uuid::Uuid;

/// The log's names of the domain's categories, read once.
struct Categories {
    lead: Category,
    account: Category,
    contact: Category,
    opportunity: Category,
    campaign: Category,
    config: Category,
    subject: Category,
    attempt: Category,
    import: Category,
}

#[expect(clippy::expect_used, reason = "the names are constants, and a test reads all of them")]
static CATEGORIES: LazyLock<Categories> = LazyLock::new(|| {
    let category = |name| Category::parse(name).expect("a short name in lower case");
    Categories {
        lead: category("lead"),
        account: category("account"),
        contact: category("contact"),
        opportunity: category("opportunity"),
        campaign: category("campaign"),
        config: category("config"),
        subject: category("subject"),
        attempt: category("attempt"),
        import: category("import"),
    }
});

/// The log's key of a stream.
pub fn stream_key(stream: &StreamId) -> StreamKey {
    let categories = &*CATEGORIES;
    let category = match stream {
        StreamId::Lead(_) => categories.lead,
        StreamId::Account(_) => categories.account,
        StreamId::Contact(_) => categories.contact,
        StreamId::Opportunity(_) => categories.opportunity,
        StreamId::Campaign(_) => categories.campaign,
        StreamId::Config => categories.config,
        StreamId::Subject(_) => categories.subject,
        StreamId::Attempt(_) => categories.attempt,
        StreamId::Import(_) => categories.import,
    };
    StreamKey { category, id: stream.key() }
}

/// The stream of a key; `None` for a category that the domain does not know.
pub fn stream_of(key: &StreamKey) -> Option<StreamId> {
    StreamId::of(key.category.as_str(), key.id)
}

/// Reads a stream as it is displayed: `lead-0190…`, or `config`.
pub fn parse_stream(text: &str) -> Option<StreamId> {
    match text.split_once('-') {
        Some((category, id)) => StreamId::of(category, Uuid::try_parse(id).ok()?),
        None => StreamId::of(text, Uuid::nil()).filter(|stream| *stream == StreamId::Config),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadline_domain::id::{
        AccountId, CampaignId, CommandId, ContactId, ImportId, LeadId, OpportunityId, SubjectId,
    };

    #[test]
    fn every_stream_has_a_key_and_a_text_that_lead_back_to_it() {
        let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_002a);
        for stream in [
            StreamId::Lead(LeadId(id)),
            StreamId::Account(AccountId(id)),
            StreamId::Contact(ContactId(id)),
            StreamId::Opportunity(OpportunityId(id)),
            StreamId::Campaign(CampaignId(id)),
            StreamId::Config,
            StreamId::Subject(SubjectId(id)),
            StreamId::Attempt(CommandId(id)),
            StreamId::Import(ImportId(id)),
        ] {
            let key = stream_key(&stream);
            assert_eq!(key.category.as_str(), stream.category());
            assert_eq!(stream_of(&key), Some(stream));
            assert_eq!(parse_stream(&stream.to_string()), Some(stream));
        }
    }

    #[test]
    fn what_is_no_stream_is_none() {
        for text in ["", "lead", "lead-", "lead-1", "order-01900000-0000-7000-8000-00000000002a"] {
            assert_eq!(parse_stream(text), None, "{text}");
        }
    }
}
