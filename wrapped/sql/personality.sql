-- The listening personality 0..7: wandering × 4 + loyal × 2 + nocturnal, from integer ratios; nobody below 50 plays has one.
with year_plays as (
    select p.user_id, p.artist, p.track, p.local_hour
    from plays p
    join calendar c on c.local_day = p.local_day
    where p.ms >= 30000
), artists as (
    select user_id, artist, cast(count(*) as bigint) as plays from year_plays group by user_id, artist
), ranked as (
    select *, row_number() over (partition by user_id order by plays desc nulls last) as place from artists
), favourites as (
    select user_id, cast(sum(plays) as bigint) as plays from ranked where place <= 5 group by user_id
), totals as (
    select
        user_id,
        cast(count(*) as bigint) as plays,
        cast(count(distinct track) as bigint) as tracks,
        cast(count(case when local_hour >= 20 or local_hour < 6 then 1 end) as bigint) as night_plays
    from year_plays
    group by user_id
)
select
    t.user_id,
    cast(
        case when t.tracks * 3 >= t.plays then 4 else 0 end
        + case when f.plays * 5 >= t.plays * 2 then 2 else 0 end
        + case when t.night_plays * 2 >= t.plays then 1 else 0 end
        as bigint
    ) as personality
from totals t
join favourites f on f.user_id = t.user_id
where t.plays >= 50
