-- DuckDB only. What a row of an export or a list of scrobbles says, and why it is no play: the number of the first reason that holds.
-- elements(json): one JSON value a row, null where it could not be read. Parameters: kind of the file, earliest
-- and present moment in ms, the letters that nobody sees, of which no name is made, and how long a name may be.
with fields as (
    select json, json_extract_string(json, [
        '$.ts', '$.endTime', '$.timestamp', '$.listened_at',
        '$.ms_played', '$.msPlayed',
        '$.master_metadata_track_name', '$.trackName', '$.track', '$.track_metadata.track_name',
        '$.master_metadata_album_artist_name', '$.artistName', '$.artist', '$.track_metadata.artist_name',
        '$.episode_name', '$.spotify_episode_uri', '$.podcastName',
        '$.audiobook_title', '$.audiobook_uri', '$.audiobookName'
    ]) as v
    from elements
), shaped as (
    select
        json,
        case when v[1] is not null then 'new' when v[2] is not null then 'old'
             when $kind = 'csv' or coalesce(v[3], v[4], v[9], v[10], v[13], v[14]) is not null then 'scrobble'
             when coalesce(v[6], v[8], v[12]) is not null then 'old' else 'new' end as shape,
        coalesce(v[1], v[2], v[3], v[4]) as moment,
        try_cast(regexp_extract(coalesce(v[3], v[4]), '^([0-9]{1,17})([.][0-9]+)?$', 1) as bigint) as epoch,
        case when regexp_full_match(coalesce(v[5], v[6]), '-?[0-9]{1,18}') then cast(coalesce(v[5], v[6]) as bigint) end as ms,
        nullif(trim(coalesce(v[7], v[8], v[9], v[10]), e' \t\r\n'), '') as track,
        nullif(trim(coalesce(v[11], v[12], v[13], v[14]), e' \t\r\n'), '') as artist,
        coalesce(v[15], v[16], v[17]) is not null as is_podcast,
        coalesce(v[18], v[19], v[20]) is not null as is_audiobook
    from fields
), named as (
    -- A list or an object is no name; asking for a type is dear, so only what looks like one is asked; nor is what nobody sees,
    -- which begins beyond ASCII.
    select
        * exclude (track, artist),
        case when strlen(track) > $most_name then null when track > '~' then nullif(trim(track, $unseen), '')
             when regexp_matches(track, '^[{\[]') and json_type(coalesce(json -> '$.master_metadata_track_name', json -> '$.trackName',
            json -> '$.track', json -> '$.track_metadata.track_name')) <> 'VARCHAR' then null else track end as track,
        case when strlen(artist) > $most_name then null when artist > '~' then nullif(trim(artist, $unseen), '')
             when regexp_matches(artist, '^[{\[]') and json_type(coalesce(json -> '$.master_metadata_album_artist_name', json -> '$.artistName',
            json -> '$.artist', json -> '$.track_metadata.artist_name')) <> 'VARCHAR' then null else artist end as artist
    from shaped
), timed as (
    select *, case
        when shape = 'scrobble' and epoch is not null -- seconds, milliseconds or microseconds, by their magnitude
            then case when epoch < 100000000000 then epoch * 1000 when epoch < 100000000000000 then epoch else epoch // 1000 end
        when regexp_full_match(moment, '[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?')
            then epoch_ms(try_cast(moment as timestamptz))
        when shape = 'scrobble'
            then epoch_ms(try_strptime(moment, ['%d %b %Y, %H:%M', '%d %b %Y %H:%M', '%d %b %Y %H:%M:%S']))
        end as at_ms
    from named
)
select
    cast(case
        when track is null and coalesce(json_type(json), '') <> 'OBJECT' then 1
        when $kind = 'video' then 2
        when $kind = 'podcast' or (is_podcast and track is null) then 3
        when $kind = 'audiobook' or (is_audiobook and track is null) then 4
        when track is null or artist is null then 5
        when at_ms is null or at_ms < $earliest or at_ms > $now then 6
        when shape <> 'scrobble' and (ms is null or ms < 0 or ms > 86400000) then 7
        else 0 end as tinyint) as reason,
    shape <> 'old' as precise,
    coalesce(at_ms, 0) as at_ms,
    case when shape = 'scrobble' then -1 else greatest(ms, 0) end as ms,
    artist,
    track
from timed
