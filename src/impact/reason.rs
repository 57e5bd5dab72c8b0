//! Why a URL ends, may end or lives, and what a "may" hangs on: two closed sets of words.
//!
//! Names of reasons are part of the API: added, never renamed.

macro_rules! reasons {
    ($($name:ident $text:literal $message:literal;)*) => {
        /// Why. The message says it in a sentence.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the messages say it")]
        pub enum Reason { $($name,)* }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Stable, in upper case.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// One sentence.
            pub fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }
        }
    };
}

reasons! {
    NotConcerned "NOT_CONCERNED" "The event does not concern this URL.";
    AlreadyEnded "ALREADY_ENDED" "The URL's own end comes first.";

    KeyInactive "KEY_INACTIVE" "The access key that signed is inactive; made active again, its URLs work again.";
    KeyDeleted "KEY_DELETED" "The access key that signed is deleted.";
    MintedFromKeySurvives "MINTED_FROM_KEY_SURVIVES"
        "The session was minted from that key and does not end with it.";
    TemporaryKey "TEMPORARY_KEY"
        "The key belongs to a session; it cannot be deactivated or deleted, only the session can be denied.";
    KeyStaysActive "KEY_STAYS_ACTIVE" "A new key ends nothing; the old one ends URLs when it is deactivated.";
    SessionExpired "SESSION_EXPIRED" "The session ends, and with it every URL that it signed.";
    SessionInvalidated "SESSION_INVALIDATED"
        "AWS no longer accepts the session's key or token; which event that was, nobody has told.";
    KeyIsNoSession "KEY_IS_NO_SESSION"
        "A long-term key is no session of STS; it is deactivated or deleted.";
    NoExpiry "NO_EXPIRY" "A long-term key has no end of its own.";

    UserDeleted "USER_DELETED" "The IAM user whose credentials signed is deleted.";
    RoleSessionOutlivesUser "ROLE_SESSION_OUTLIVES_USER"
        "A role's session is not tied to the user that assumed the role.";
    SessionRevoked "SESSION_REVOKED" "Sessions issued before the revocation are denied everything.";
    IssueTimeUnknown "ISSUE_TIME_UNKNOWN"
        "Sessions issued before the revocation are denied everything; STS does not tell when this one was issued.";
    IssuedAfterRevocation "ISSUED_AFTER_REVOCATION" "The session was issued at the revocation or later.";
    LongTermKeySpared "LONG_TERM_KEY_SPARED"
        "A long-term key has no issue time, so the revocation of sessions spares it.";
    SsoRoleSpared "SSO_ROLE_SPARED"
        "A role of Identity Center cannot be edited in IAM; use its permission set, or an SCP on aws:userid.";
    ServiceRoleSpared "SERVICE_ROLE_SPARED" "Sessions of a service-linked role cannot be revoked.";
    RoleDeleted "ROLE_DELETED" "The role is deleted; its sessions are left without permissions.";
    RoleRecreated "ROLE_RECREATED" "A role made again under the same name is another one; old sessions stay dead.";
    IssuedAfterDeletion "ISSUED_AFTER_DELETION"
        "The session was issued after the deletion, so it belongs to what was made under that name later.";
    MintedFromRoleSurvives "MINTED_FROM_ROLE_SURVIVES"
        "The session was minted from a session of that role and does not end with it.";

    TrustReadAtMint "TRUST_READ_AT_MINT"
        "A trust policy is consulted only when a session is minted; the next renewal fails.";
    ProviderReadAtMint "PROVIDER_READ_AT_MINT"
        "An identity provider is consulted only when a session is minted; the next renewal fails.";
    SessionOutlivesCompute "SESSION_OUTLIVES_COMPUTE"
        "Nothing binds a session to the machine that received it; it runs to its own end.";
    AssociationReadAtMint "ASSOCIATION_READ_AT_MINT"
        "An association decides which session is handed out next; those handed out run to their own end.";
    SsoSessionRunsOut "SSO_SESSION_RUNS_OUT" "The role session of a disabled user runs to its own end.";
    RenewalEndsNothing "RENEWAL_ENDS_NOTHING" "A new session leaves the URLs of the old one as they are.";

    AllowRemoved "ALLOW_REMOVED" "A permission is taken away; permissions are evaluated at each request.";
    Denied "DENIED" "An explicit Deny wins over every Allow, at each request.";
    SignatureTooOld "SIGNATURE_TOO_OLD" "The policy denies signatures older than that.";
    NotMatched "NOT_MATCHED" "The statement does not speak of this request.";
    RootExempt "ROOT_EXEMPT" "Policies of IAM do not bind the root user.";

    PublicAccessBlocked "PUBLIC_ACCESS_BLOCKED" "Block Public Access cuts off what rests on public grants.";
    AuthenticatedRequest "AUTHENTICATED_REQUEST"
        "A presigned request is authenticated, so Block Public Access does not concern it.";
    PublicAclRefused "PUBLIC_ACL_REFUSED" "The request sets a public ACL, which Block Public Access refuses.";
    BucketDeleted "BUCKET_DELETED" "The bucket is deleted; made and filled again, its URLs work again.";
    AccessPointDeleted "ACCESS_POINT_DELETED" "The access point in the URL's host is deleted.";
    RequesterMustPay "REQUESTER_MUST_PAY"
        "The bucket is Requester Pays and the request does not offer to pay; only the owner need not.";
    RequesterPays "REQUESTER_PAYS" "The request offers to pay, or is the owner's own.";
    AccountClosed "ACCOUNT_CLOSED" "S3 refuses the requests of closed and suspended accounts.";

    ObjectDeleted "OBJECT_DELETED" "The object is deleted; put back, the URL works again.";
    VersionDeleted "VERSION_DELETED" "The version that the URL names is deleted for good.";
    ShowsOtherVersion "SHOWS_OTHER_VERSION" "The URL names no version; when the newest goes, the one before it shows.";
    VersionUntouched "VERSION_UNTOUCHED" "The URL names a version that the event leaves as it is.";
    WritesAnew "WRITES_ANEW" "The request writes or removes; it needs no object to be there.";
    ServesNewContent "SERVES_NEW_CONTENT" "The URL works and serves the new content.";
    PreconditionFails "PRECONDITION_FAILS" "The request is signed with a precondition on the content.";
    CopySourceGone "COPY_SOURCE_GONE" "What the request copies from is not there any more.";
    ObjectArchived "OBJECT_ARCHIVED" "An archived object must be restored before it can be read.";
    ArchiveReadable "ARCHIVE_READABLE" "The request does not read the content of the object.";
    KmsKeyUnusable "KMS_KEY_UNUSABLE" "The KMS key cannot be used.";
    KmsNotUsed "KMS_NOT_USED" "The request uses no KMS key, or another one.";
    UploadEnded "UPLOAD_ENDED" "The multipart upload is completed or aborted.";
}

macro_rules! conditions {
    ($($name:ident $message:literal;)*) => {
        /// What presignd cannot see and a "may" hangs on. Completes the sentence "it ends if …".
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the messages say it")]
        pub enum Condition { $($name,)* }

        impl Condition {
            /// Every condition.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The clause.
            pub fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }
        }
    };
}

conditions! {
    IsThatPrincipal "the session, whose principal presignd could not name, is of the principal that is meant";
    MintedByThatUser "the federated session was minted by that user";
    MintsWithKeyOfUser "the key that mints its sessions is that user's";
    MinterFallsUnder "the credentials that mint its sessions fall under it";
    IsOfTheDeleted "the session is of the one that was deleted, not of one made under its name later";
    IssuedBefore "STS issued the session before that instant";
    NoOtherAllow "no other policy allows the request";
    MemberAccount "the signer's account is not the management account of its organisation";
    MemberBucket "the bucket does not belong to the management account of its organisation";
    AccessPointOfBucket "the access point leads to that bucket";
    AliasOfAccessPoint "the alias is that access point's";
    KeyIsChosen "the key, which the request leaves open, is one of those that are meant";
    NeedsAction "S3 asks one of these actions of this request";
    UsesKms "the object is encrypted under a KMS key";
    UsesThatKmsKey "the object is, or would be, encrypted under that KMS key";
    HeadUsesKms "S3 uses the key to answer a HEAD";
    NothingOlder "no older version is left to show";
    NamesThatVersion "the version in the URL is the one that is meant";
    IsNewestVersion "the version that is meant is the newest";
    IsUnversioned "the bucket keeps no versions";
    ReadsObject "the request reads the object";
    OtherContent "the new content does not meet the precondition";
    PublicPolicyAcrossAccounts "the bucket's policy counts as public and the bucket belongs to another account";
    OnlyPublicAcl "a public ACL is the signer's only right to the object";
    OnlyPublicGrants
        "a public ACL is the signer's only right to the object, or the bucket's policy counts as public and the bucket \
         belongs to another account";
    AclIsPublic "the ACL that is sent grants access to everybody";
    AclIsPublicOrOnlyPublicAcl
        "the ACL that is sent grants access to everybody, or a public ACL is the signer's only right to the object";
    AclIsPublicOrOnlyPublicGrants
        "the ACL that is sent grants access to everybody, or a public ACL is the signer's only right to the object, or the \
         bucket's policy counts as public and the bucket belongs to another account";
    OthersBucket "the bucket belongs to another account than the signer's";
    BucketOfAccount "the bucket belongs to that account";
    AccountShutOut "S3 refuses the account's requests by then; AWS does not say when it begins to";
    UploadForgotten "S3 does not answer for an upload that has ended";
}
