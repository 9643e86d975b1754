-- SPDX-License-Identifier: MIT
-- "15 likes": a count kept in the row it belongs to. For the tables of examples/market/schema.sql.
--
-- Counting the votes anew at each event would be a query, and scripts make none. A column does it: it is right in every
-- transaction, and the update of the row is a change like any other.

alter table markets add column likes int not null default 0;

create function count_likes() returns trigger
language plpgsql as $$
declare
    likes_less int := case when tg_op <> 'INSERT' and old.vote and old.vote_type = 'proposal' then 1 else 0 end;
    likes_more int := case when tg_op <> 'DELETE' and new.vote and new.vote_type = 'proposal' then 1 else 0 end;
begin
    if likes_less > 0 then
        update markets set likes = likes - 1 where id = old.market_id;
    end if;
    if likes_more > 0 then
        update markets set likes = likes + 1 where id = new.market_id;
    end if;
    return null;
end
$$;

create trigger count_likes after insert or update or delete on votes
    for each row execute function count_likes();
