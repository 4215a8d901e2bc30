"""The rules of the protocol. A model is given the set of those that are broken."""

from enum import StrEnum


class Rule(StrEnum):
    # committing
    LOW_WATERMARK = "commit the low watermark, not the position"
    WAITING_IS_OPEN = "a decision that waits for the next transaction counts as open"
    SNAPSHOT = "a transaction's offsets are those of its beginning: what was read since is not in it"
    STREAM_TIME_AT_LOW = "the stream time committed is the one at the low watermark"
    ONE_TRANSACTION = "decisions and offsets in one transaction"
    VIEWS_TOGETHER = "the views are written in the same transaction"
    # recovering
    PENDING_WAIT = "committed offsets are fetched read_committed"
    TIMEOUT_RETRY = "a time-out of that fetch means again, not offset 0"
    END_AFTER_OFFSETS = "the end of decisions is taken after the committed offset"
    END_UNCOMMITTED = "that end is the high watermark, not the last stable offset"
    READ_TO_END = "decisions are read up to that end before scoring goes on"
    READ_COMMITTED = "decisions are read read_committed"
    # zombies and errors
    METADATA_EARLY = "group metadata is taken with the assignment"
    METADATA_FOLLOWS = "group metadata is taken anew with each batch: an epoch may move without a callback"
    METADATA_BARE = "metadata without a member is never sent"
    FENCING = "the broker checks the generation"
    REBALANCE_WAITS = "a rebalance waits for the transaction in flight"
    STATE_DIES = "state does not outlive an ownership"
    BATCH_DIES = "a consumed batch does not outlive an ownership"
    NEW_PRODUCER = "after a commit in doubt: a new producer"
    RECOVER = "after a commit in doubt: recover"
    # windows
    REMEMBER = "decided windows are remembered"
    BY_ITEM = "an item's window is a function of the item, never of its arrival"
    EARLY_IS_FINAL = "no item changes an early decision"
    FINAL_KNOWN = "that no item changes it is in the decision, also where its cause is another"
    MEMORY_CLOSES = "a window that memory has no room for is decided, not dropped"
    # revisions
    SPENT_OR_LATE = "a score of a decided window is spent up to through_offset, late above it"
    KEPT_IS_OPEN = "a decided window that may be revised holds the low watermark until its late time is over"
    REBUILD = "a decided window that is read again takes its spent scores again"
    LAST_REVISION = "of several decisions of a window, recovery goes by the last"
    RETRACT = "a revision that changes the action retracts on the old action's topic"
    # policies
    MARKER_IN_SCORES = "a policy comes into force by a marker in scores, not when a decider hears of it"
    STAYS_WHOLE = "a score read again goes to its decided whole window, though parents are cut by now"
    VERSION_AT_FIRST = "a window's version is that before its first offset, not that of its closing"
    POLICY_COMMITTED = "the policy in force is in the committed metadata"
    POLICY_AT_LOW = "that policy is the one at the low watermark"
    # forgetting
    FORGET_AFTER_LATE = "a decided window is forgotten when its late time is over in stream time"
    FORGET_BELOW_LOW = "and when the low watermark is above its through_offset"
    RECOGNISE = "a forgotten decision is still recognised"
    REOPENED_ID = "a window opened again has another id"
    REBUILT_ID = "a window opened again has that id also when it is rebuilt for a revision"
    FROM_UNFORGOTTEN = "decisions_from stands at the first decision that is not forgotten"
    FROM_RECOGNISED = "and passes none that is still to be recognised"
    # retention
    DECISIONS_OUTLIVE = "a decision outlives every score that recovery can read again"
    DECISIONS_LAST = "and its late time, and the time for which it is recognised"
    NOT_COMPACTED = "decisions is not compacted"
    NOT_LATEST = "recovery does not read latest"
    TRUNCATED = "a window that opens where retention has deleted scores says so"
    TRUNCATED_COMMITTED = "how far windows may be truncated is in the committed metadata"
    TRUNCATED_POLICY = "where scores were deleted, the policy is looked up: its marker may be among them"
    COUNTED_ONCE = "the position is in the committed metadata: what was reported is not reported again"
