-- The rules of the chart a second time, as one statement for DuckDB and Spark: every play that came, with its verdict.
-- Slow and obvious on purpose; the stream step has to agree with it to the last play. the braces hold the numbers of charts.rules.Rules.
-- plays: one row per play in the order of the log; credits is -1 where the list is missing or broken; credited_key orders like the list.
with alone as (
    select *,
        case
            when event_id is null or user_id is null or track_id is null then 'missing_id'
            when credits < 1 or credits > {most_credits} then 'bad_credits'
            when started_ms is null or started_ms < {earliest_ms} or started_ms > {now} + {clock_skew_ms} then 'impossible_time'
            when played_ms is null or played_ms < 0 or played_ms > {longest_ms}
                or (track_ms > 0 and 2 * cast(played_ms as bigint) > 3 * cast(track_ms as bigint)) then 'impossible_length'
            when country_order is null then 'unknown_country'
            when tier is null or tier < 0 or tier > 2 then 'unknown_tier'
        end as reason,
        cast(floor((started_ms - 86400000) / 604800000) as bigint) as chart_week,
        cast(floor(started_ms / 86400000) as bigint) as chart_day
    from plays
),
in_time as (
    select *,
        case
            when reason is null and (chart_week + 1) * 604800000 + 86400000 + {corrected_for_ms} < coalesce(
                max(case when reason is null then started_ms end) over (
                    partition by log_partition order by sequence nulls last rows between unbounded preceding and 1 preceding
                ), 0
            ) then 'too_late'
            else reason
        end as reason_in_time
    from alone
),
payloads as (
    select *,
        row_number() over (
            partition by log_partition, reason_in_time, chart_week, event_id,
                started_ms, user_id, track_id, country_order, tier, played_ms, credited_key
            order by sequence nulls last
        ) as copy,
        dense_rank() over (
            partition by log_partition, reason_in_time, chart_week, event_id
            order by started_ms nulls last, user_id nulls last, track_id nulls last, country_order nulls last,
                tier nulls last, played_ms nulls last, credited_key nulls last
        ) as payload
    from in_time
),
alone_in_id as (
    select *,
        case
            when reason_in_time is not null then reason_in_time
            when copy > 1 then 'duplicate'
            when payload > 1 then 'conflicting_payload'
            when played_ms < {counted_from_ms} then 'too_short'
        end as reason_in_id
    from payloads
)
select log_partition, sequence, chart_week, chart_day, country, tier,
    case
        when reason_in_id is not null then reason_in_id
        when row_number() over (
            partition by log_partition, reason_in_id, user_id, track_id, chart_day
            order by started_ms nulls last, event_id nulls last
        ) > {daily_cap} then 'over_daily_cap'
        else 'counted'
    end as verdict
from alone_in_id
