"""Tokens of one's own programs."""

from fastapi import APIRouter, Response

from app.api.deps import (
    LISTED,
    ONE,
    SIGNED_IN,
    Caller,
    CallerToken,
    Cursor,
    Db,
    Id,
    Limit,
    page_request,
)
from app.auth.tokens import hash_token, new_token
from app.schemas.users import OwnToken, TokenCreate, TokenCreated, TokenPage, TokenRead
from app.services import tokens

router = APIRouter(prefix="/tokens", tags=["tokens"], responses=SIGNED_IN)


@router.get("", operation_id="listTokens", response_model=TokenPage, responses=LISTED)
async def list_tokens(
    database: Db, caller: CallerToken, limit: Limit = 50, cursor: Cursor = None
) -> TokenPage:
    """List one's own sessions and tokens, newest first."""
    user, value = caller
    page = await tokens.list_tokens(database, user.id, page_request(limit, cursor))
    mine = hash_token(value)
    items = [
        OwnToken(**TokenRead.model_validate(one).model_dump(), current=one.token_hash == mine)
        for one in page.items
    ]
    return TokenPage(items=items, next_cursor=page.next_cursor)


@router.post("", operation_id="createToken", response_model=TokenCreated, status_code=201)
async def create_token(body: TokenCreate, database: Db, caller: Caller) -> TokenCreated:
    """Make a token for a program; its value is shown this once."""
    value = new_token()
    token = await tokens.create_token(
        database, caller.id, body.name, hash_token(value), body.expires_at
    )
    return TokenCreated(**TokenRead.model_validate(token).model_dump(), value=value)


@router.delete(
    "/{token_id}",
    operation_id="deleteToken",
    status_code=204,
    response_class=Response,
    responses=ONE,
)
async def delete_token(token_id: Id, database: Db, caller: Caller) -> Response:
    """Revoke one of one's own sessions or tokens."""
    await tokens.delete_token(database, caller.id, token_id)
    return Response(status_code=204)
