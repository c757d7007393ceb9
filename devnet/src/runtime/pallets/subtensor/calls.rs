//! The calls, with the numbers and argument names of the chain (chain interface, section 3.1).
//!
//! FRAME takes all calls of a pallet in one block, so this file is as long as the list of calls; each of
//! them only hands its arguments on.

use frame_support::pallet_macros::pallet_section;

/// The calls.
#[pallet_section]
mod subtensor_calls {
    /// The time a call about weights or endpoints takes, in picoseconds.
    const WEIGHTS_REF_TIME_PS: u64 = 100_000_000;
    /// The time a call that moves money takes, in picoseconds.
    const STAKE_REF_TIME_PS: u64 = 150_000_000;

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Sets the weights of the signing hotkey's neuron.
        #[pallet::call_index(0)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn set_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            dests: Vec<u16>,
            weights: Vec<u16>,
            version_key: u64,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_set_weights(who, netuid, 0, Row { uids: dests, values: weights, version_key })
        }

        /// Buys stake on a hotkey for TAO of the signing coldkey.
        #[pallet::call_index(2)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn add_stake(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            amount_staked: TaoBalance,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_add_stake(who, hotkey, netuid, amount_staked, None)
        }

        /// Sells stake of the signing coldkey for TAO.
        #[pallet::call_index(3)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn remove_stake(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            amount_unstaked: AlphaBalance,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_remove_stake(who, hotkey, netuid, amount_unstaked, None)
        }

        /// Announces where the signing hotkey serves.
        #[pallet::call_index(4)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn serve_axon(
            origin: OriginFor<T>,
            netuid: NetUid,
            version: u32,
            ip: u128,
            port: u16,
            ip_type: u8,
            protocol: u8,
            placeholder1: u8,
            placeholder2: u8,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_serve_axon(
                who,
                netuid,
                AxonInfo { block: 0, version, ip, port, ip_type, protocol, placeholder1, placeholder2 },
                None,
            )
        }

        /// Announces where the signing hotkey publishes metrics.
        #[pallet::call_index(5)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn serve_prometheus(
            origin: OriginFor<T>,
            netuid: NetUid,
            version: u32,
            ip: u128,
            port: u16,
            ip_type: u8,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_serve_prometheus(who, netuid, PrometheusInfo { block: 0, version, ip, port, ip_type })
        }

        /// Registers a hotkey for the current price; the work is not looked at.
        #[pallet::call_index(6)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn register(
            origin: OriginFor<T>,
            netuid: NetUid,
            _block_number: u64,
            _nonce: u64,
            _work: Vec<u8>,
            hotkey: T::AccountId,
            _coldkey: T::AccountId,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_register(who, netuid, hotkey, None)
        }

        /// Registers a hotkey for the current price.
        #[pallet::call_index(7)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn burned_register(origin: OriginFor<T>, netuid: NetUid, hotkey: T::AccountId) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_register(who, netuid, hotkey, None)
        }

        /// Announces where the signing hotkey serves, with a certificate.
        #[pallet::call_index(40)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn serve_axon_tls(
            origin: OriginFor<T>,
            netuid: NetUid,
            version: u32,
            ip: u128,
            port: u16,
            ip_type: u8,
            protocol: u8,
            placeholder1: u8,
            placeholder2: u8,
            certificate: Vec<u8>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_serve_axon(
                who,
                netuid,
                AxonInfo { block: 0, version, ip, port, ip_type, protocol, placeholder1, placeholder2 },
                Some(certificate),
            )
        }

        /// Registers a subnet for its current price.
        #[pallet::call_index(59)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn register_network(origin: OriginFor<T>, hotkey: T::AccountId) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_register_network(who, hotkey, None)
        }

        /// Dissolves a subnet; only root may.
        #[pallet::call_index(61)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn dissolve_network(
            origin: OriginFor<T>,
            _coldkey: T::AccountId,
            netuid: NetUid,
        ) -> DispatchResult {
            ensure_root(origin)?;
            Self::dissolve(netuid)
        }

        /// Takes a seat on the root network for a hotkey.
        #[pallet::call_index(62)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn root_register(origin: OriginFor<T>, hotkey: T::AccountId) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_root_register(who, hotkey)
        }

        /// Lowers the take of a hotkey.
        #[pallet::call_index(65)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn decrease_take(origin: OriginFor<T>, hotkey: T::AccountId, take: u16) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_decrease_take(who, hotkey, take)
        }

        /// Raises the take of a hotkey.
        #[pallet::call_index(66)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn increase_take(origin: OriginFor<T>, hotkey: T::AccountId, take: u16) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_increase_take(who, hotkey, take)
        }

        /// Lends parts of a hotkey's stake weight to other hotkeys.
        #[pallet::call_index(67)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn set_children(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            children: Vec<(u64, T::AccountId)>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_set_children(who, hotkey, netuid, children)
        }

        /// Describes the signing coldkey.
        #[pallet::call_index(68)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn set_identity(
            origin: OriginFor<T>,
            name: Vec<u8>,
            url: Vec<u8>,
            github_repo: Vec<u8>,
            image: Vec<u8>,
            discord: Vec<u8>,
            description: Vec<u8>,
            additional: Vec<u8>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_set_identity(
                who,
                ChainIdentityV2 { name, url, github_repo, image, discord, description, additional },
            )
        }

        /// Sets the blocks between two raises of a child-key take.
        #[pallet::call_index(69)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn sudo_set_tx_childkey_take_rate_limit(
            origin: OriginFor<T>,
            tx_rate_limit: u64,
        ) -> DispatchResult {
            ensure_root(origin)?;
            TxChildkeyTakeRateLimit::<T>::put(tx_rate_limit);
            Ok(())
        }

        /// Gives the places of a hotkey to another one, on all subnets or on one.
        #[pallet::call_index(70)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn swap_hotkey(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            new_hotkey: T::AccountId,
            netuid: Option<NetUid>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_swap_hotkey(who, hotkey, new_hotkey, netuid, false)
        }

        /// Gives everything of a coldkey to another one.
        #[pallet::call_index(71)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn swap_coldkey(
            origin: OriginFor<T>,
            old_coldkey: T::AccountId,
            new_coldkey: T::AccountId,
            swap_cost: TaoBalance,
        ) -> DispatchResult {
            ensure_root(origin)?;
            Self::do_swap_coldkey(old_coldkey, new_coldkey, swap_cost)
        }

        /// Gives the places of a hotkey to another one; the stake may stay.
        #[pallet::call_index(72)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn swap_hotkey_v2(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            new_hotkey: T::AccountId,
            netuid: Option<NetUid>,
            keep_stake: bool,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_swap_hotkey(who, hotkey, new_hotkey, netuid, keep_stake)
        }

        /// Always refused: swaps are announced instead.
        #[pallet::call_index(73)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn schedule_swap_coldkey(origin: OriginFor<T>, _new_coldkey: T::AccountId) -> DispatchResult {
            ensure_signed(origin)?;
            Err(Error::<T>::Deprecated.into())
        }

        /// Sets the take of a hotkey as a child.
        #[pallet::call_index(75)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn set_childkey_take(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            take: u16,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_set_childkey_take(who, hotkey, netuid, take)
        }

        /// Sets the smallest child-key take.
        #[pallet::call_index(76)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn sudo_set_min_childkey_take(origin: OriginFor<T>, take: u16) -> DispatchResult {
            ensure_root(origin)?;
            MinChildkeyTake::<T>::put(take);
            Ok(())
        }

        /// Sets the largest child-key take.
        #[pallet::call_index(77)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn sudo_set_max_childkey_take(origin: OriginFor<T>, take: u16) -> DispatchResult {
            ensure_root(origin)?;
            MaxChildkeyTake::<T>::put(take);
            Ok(())
        }

        /// Describes a subnet; its owner signs.
        #[pallet::call_index(78)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn set_subnet_identity(
            origin: OriginFor<T>,
            netuid: NetUid,
            subnet_name: Vec<u8>,
            github_repo: Vec<u8>,
            subnet_contact: Vec<u8>,
            subnet_url: Vec<u8>,
            discord: Vec<u8>,
            description: Vec<u8>,
            logo_url: Vec<u8>,
            additional: Vec<u8>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_set_subnet_identity(
                who,
                netuid,
                SubnetIdentityV3 {
                    subnet_name,
                    github_repo,
                    subnet_contact,
                    subnet_url,
                    discord,
                    description,
                    logo_url,
                    additional,
                },
            )
        }

        /// Registers a subnet and describes it.
        #[pallet::call_index(79)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn register_network_with_identity(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            identity: Option<SubnetIdentityV3>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_register_network(who, hotkey, identity)
        }

        /// Sets weights on several subnets.
        #[pallet::call_index(80)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn batch_set_weights(
            origin: OriginFor<T>,
            netuids: Vec<Compact<NetUid>>,
            weights: Vec<Vec<(Compact<u16>, Compact<u16>)>>,
            version_keys: Vec<Compact<u64>>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_batch_set_weights(who, netuids, weights, version_keys)
        }

        /// Sells all stake on a hotkey.
        #[pallet::call_index(83)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn unstake_all(origin: OriginFor<T>, hotkey: T::AccountId) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_unstake_all(who, hotkey)
        }

        /// Sells all alpha on a hotkey and stakes the proceeds on root.
        #[pallet::call_index(84)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn unstake_all_alpha(origin: OriginFor<T>, hotkey: T::AccountId) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_unstake_all_alpha(who, hotkey)
        }

        /// Moves stake to another hotkey or subnet.
        #[pallet::call_index(85)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn move_stake(
            origin: OriginFor<T>,
            origin_hotkey: T::AccountId,
            destination_hotkey: T::AccountId,
            origin_netuid: NetUid,
            destination_netuid: NetUid,
            alpha_amount: AlphaBalance,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_move_stake(
                who,
                origin_hotkey,
                destination_hotkey,
                origin_netuid,
                destination_netuid,
                alpha_amount,
            )
        }

        /// Gives stake to another coldkey.
        #[pallet::call_index(86)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn transfer_stake(
            origin: OriginFor<T>,
            destination_coldkey: T::AccountId,
            hotkey: T::AccountId,
            origin_netuid: NetUid,
            destination_netuid: NetUid,
            alpha_amount: AlphaBalance,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_transfer_stake(
                who,
                destination_coldkey,
                hotkey,
                origin_netuid,
                destination_netuid,
                alpha_amount,
            )
        }

        /// Moves stake to another subnet.
        #[pallet::call_index(87)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn swap_stake(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            origin_netuid: NetUid,
            destination_netuid: NetUid,
            alpha_amount: AlphaBalance,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_swap_stake(who, hotkey, origin_netuid, destination_netuid, alpha_amount)
        }

        /// Buys stake up to a price.
        #[pallet::call_index(88)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn add_stake_limit(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            amount_staked: TaoBalance,
            limit_price: TaoBalance,
            allow_partial: bool,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_add_stake(
                who,
                hotkey,
                netuid,
                amount_staked,
                Some(PriceLimit { price_rao: limit_price, allow_partial }),
            )
        }

        /// Sells stake down to a price.
        #[pallet::call_index(89)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn remove_stake_limit(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            amount_unstaked: AlphaBalance,
            limit_price: TaoBalance,
            allow_partial: bool,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_remove_stake(
                who,
                hotkey,
                netuid,
                amount_unstaked,
                Some(PriceLimit { price_rao: limit_price, allow_partial }),
            )
        }

        /// Moves stake to another subnet within a price.
        #[pallet::call_index(90)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn swap_stake_limit(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            origin_netuid: NetUid,
            destination_netuid: NetUid,
            alpha_amount: AlphaBalance,
            limit_price: TaoBalance,
            allow_partial: bool,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let limit = PriceLimit { price_rao: limit_price, allow_partial };
            Self::do_swap_stake_limit(who, hotkey, origin_netuid, destination_netuid, alpha_amount, limit)
        }

        /// Claims a hotkey that nobody owns.
        #[pallet::call_index(91)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn try_associate_hotkey(origin: OriginFor<T>, hotkey: T::AccountId) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_try_associate_hotkey(who, hotkey)
        }

        /// Starts a subnet; its owner signs.
        #[pallet::call_index(92)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn start_call(origin: OriginFor<T>, netuid: NetUid) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_start_call(who, netuid)
        }

        /// Commits to weights.
        #[pallet::call_index(96)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn commit_weights(origin: OriginFor<T>, netuid: NetUid, commit_hash: H256) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_commit_weights(who, netuid, 0, commit_hash)
        }

        /// Reveals committed weights.
        #[pallet::call_index(97)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn reveal_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            uids: Vec<u16>,
            values: Vec<u16>,
            salt: Vec<u16>,
            version_key: u64,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_reveal_weights(who, netuid, 0, Row { uids, values, version_key }, salt)
        }

        /// Reveals several committed weights of one subnet; all or none.
        #[pallet::call_index(98)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn batch_reveal_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            uids_list: Vec<Vec<u16>>,
            values_list: Vec<Vec<u16>>,
            salts_list: Vec<Vec<u16>>,
            version_keys: Vec<u64>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_batch_reveal(who, netuid, uids_list, values_list, salts_list, version_keys)
        }

        /// Commits to weights on several subnets.
        #[pallet::call_index(100)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn batch_commit_weights(
            origin: OriginFor<T>,
            netuids: Vec<Compact<NetUid>>,
            commit_hashes: Vec<H256>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_batch_commit(who, netuids, commit_hashes)
        }

        /// Takes staked alpha out of issuance.
        #[pallet::call_index(101)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn recycle_alpha(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            amount: AlphaBalance,
            netuid: NetUid,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_destroy_stake(who, hotkey, netuid, amount, true)
        }

        /// Burns staked alpha.
        #[pallet::call_index(102)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn burn_alpha(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            amount: AlphaBalance,
            netuid: NetUid,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_destroy_stake(who, hotkey, netuid, amount, false)
        }

        /// Sells all stake on a subnet, at least at a price when one is given.
        #[pallet::call_index(103)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn remove_stake_full_limit(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            limit_price: Option<TaoBalance>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_remove_stake_full(who, hotkey, netuid, limit_price)
        }

        /// Sets the blocks that new child keys wait.
        #[pallet::call_index(109)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn set_pending_childkey_cooldown(origin: OriginFor<T>, cooldown: u64) -> DispatchResult {
            ensure_root(origin)?;
            PendingChildKeyCooldown::<T>::put(cooldown);
            Ok(())
        }

        /// Gives a subnet another symbol; its owner or root may.
        #[pallet::call_index(112)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn update_symbol(origin: OriginFor<T>, netuid: NetUid, symbol: Vec<u8>) -> DispatchResult {
            if let Some(who) = frame_system::ensure_signed_or_root(origin)? {
                ensure!(SubnetOwner::<T>::get(netuid) == who, Error::<T>::NotSubnetOwner);
            }
            Self::do_update_symbol(netuid, symbol)
        }

        /// Commits to weights that the beacon opens.
        #[pallet::call_index(113)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn commit_timelocked_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            commit: TimelockedBytes,
            reveal_round: u64,
            commit_reveal_version: u16,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_commit_timelocked(who, netuid, 0, commit, reveal_round, commit_reveal_version)
        }

        /// Chooses the hotkey that mining income is staked on.
        #[pallet::call_index(114)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn set_coldkey_auto_stake_hotkey(
            origin: OriginFor<T>,
            netuid: NetUid,
            hotkey: T::AccountId,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_set_auto_stake(who, netuid, hotkey)
        }

        /// Commits to weights of a mechanism.
        #[pallet::call_index(115)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn commit_mechanism_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            mecid: MechId,
            commit_hash: H256,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_commit_weights(who, netuid, mecid, commit_hash)
        }

        /// Reveals committed weights of a mechanism.
        #[pallet::call_index(116)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn reveal_mechanism_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            mecid: MechId,
            uids: Vec<u16>,
            values: Vec<u16>,
            salt: Vec<u16>,
            version_key: u64,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_reveal_weights(who, netuid, mecid, Row { uids, values, version_key }, salt)
        }

        /// Commits to weights of a mechanism that the beacon opens, as older clients do.
        #[pallet::call_index(117)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn commit_crv3_mechanism_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            mecid: MechId,
            commit: TimelockedBytes,
            reveal_round: u64,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let version = CommitRevealWeightsVersion::<T>::get();
            Self::do_commit_timelocked(who, netuid, mecid, commit, reveal_round, version)
        }

        /// Commits to weights of a mechanism that the beacon opens.
        #[pallet::call_index(118)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn commit_timelocked_mechanism_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            mecid: MechId,
            commit: TimelockedBytes,
            reveal_round: u64,
            commit_reveal_version: u16,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_commit_timelocked(who, netuid, mecid, commit, reveal_round, commit_reveal_version)
        }

        /// Sets the weights of a mechanism.
        #[pallet::call_index(119)]
        #[pallet::weight((Weight::from_parts(WEIGHTS_REF_TIME_PS, 0), DispatchClass::Normal, Pays::No))]
        pub fn set_mechanism_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            mecid: MechId,
            dests: Vec<u16>,
            weights: Vec<u16>,
            version_key: u64,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_set_weights(who, netuid, mecid, Row { uids: dests, values: weights, version_key })
        }

        /// Dissolves a subnet.
        #[pallet::call_index(120)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn root_dissolve_network(origin: OriginFor<T>, netuid: NetUid) -> DispatchResult {
            ensure_root(origin)?;
            Self::dissolve(netuid)
        }

        /// Claims root dividends on up to five subnets.
        #[pallet::call_index(121)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn claim_root(origin: OriginFor<T>, subnets: BTreeSet<NetUid>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_claim_root(who, subnets)
        }

        /// Chooses what root dividends become.
        #[pallet::call_index(122)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn set_root_claim_type(
            origin: OriginFor<T>,
            new_root_claim_type: RootClaimTypeEnum,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_set_root_claim_type(who, new_root_claim_type)
        }

        /// Sets how many root stakers are paid in a block.
        #[pallet::call_index(123)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn sudo_set_num_root_claims(origin: OriginFor<T>, new_value: u64) -> DispatchResult {
            ensure_root(origin)?;
            NumRootClaim::<T>::put(new_value);
            Ok(())
        }

        /// Announces that everything will go to another coldkey.
        #[pallet::call_index(125)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn announce_coldkey_swap(origin: OriginFor<T>, new_coldkey_hash: H256) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_announce_coldkey_swap(who, new_coldkey_hash)
        }

        /// Gives everything to the announced coldkey.
        #[pallet::call_index(126)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn swap_coldkey_announced(origin: OriginFor<T>, new_coldkey: T::AccountId) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_swap_coldkey_announced(who, new_coldkey)
        }

        /// Stops an announced swap for good.
        #[pallet::call_index(127)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn dispute_coldkey_swap(origin: OriginFor<T>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_dispute_coldkey_swap(who)
        }

        /// Ends an announcement and its dispute.
        #[pallet::call_index(128)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn reset_coldkey_swap(origin: OriginFor<T>, coldkey: T::AccountId) -> DispatchResult {
            ensure_root(origin)?;
            Self::do_reset_coldkey_swap(coldkey)
        }

        /// Buys stake and burns it.
        #[pallet::call_index(132)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn add_stake_burn(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            amount: TaoBalance,
            limit: Option<TaoBalance>,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_add_stake_burn(who, hotkey, netuid, amount, limit)
        }

        /// Takes an announcement back.
        #[pallet::call_index(133)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn clear_coldkey_swap_announcement(origin: OriginFor<T>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_clear_coldkey_swap(who)
        }

        /// Registers a hotkey if the price is not above the limit.
        #[pallet::call_index(134)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn register_limit(
            origin: OriginFor<T>,
            netuid: NetUid,
            hotkey: T::AccountId,
            limit_price: u64,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_register(who, netuid, hotkey, Some(limit_price))
        }

        /// Chooses whether new subnets become children of a hotkey by themselves.
        #[pallet::call_index(135)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn set_auto_parent_delegation_enabled(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            enabled: bool,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_set_auto_parent(who, hotkey, enabled)
        }

        /// Sets the blocks between two epochs; the subnet's owner signs.
        #[pallet::call_index(139)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn set_tempo(origin: OriginFor<T>, netuid: NetUid, tempo: u16) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_set_tempo(who, netuid, tempo)
        }

        /// Sets when validators count as inactive; the subnet's owner signs.
        #[pallet::call_index(140)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn set_activity_cutoff_factor(
            origin: OriginFor<T>,
            netuid: NetUid,
            factor_milli: u32,
        ) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_set_activity_factor(who, netuid, factor_milli)
        }

        /// Asks for an epoch soon; the subnet's owner signs.
        #[pallet::call_index(141)]
        #[pallet::weight(Weight::from_parts(STAKE_REF_TIME_PS, 0))]
        pub fn trigger_epoch(origin: OriginFor<T>, netuid: NetUid) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_trigger_epoch(who, netuid)
        }
    }
}
